"""Weight clustering, by tfmot: the weights of a kernel share a few values, which training then tunes."""

from __future__ import annotations

import dataclasses
import importlib
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ..backend.tensorflow import is_quantization_aware, keras, tfmot
from ..core.errors import NothingHappened, UnsupportedModel, expect
from ..core.remarks import remark
from ..core.selection import PerLayer, by_layer, expect_selectors
from ..core.types import CLUSTERS, SPARSITY, Fit, Promise
from ..measuring.measure import kernel_variables, kernels, leaf_layers, num_distinct
from ..models_io.copying import copy_model
from .quantizers.codebook import Codebook

if TYPE_CHECKING:
    import numpy as np

# The kernel of each layer that is clustered. tfmot takes depthwise kernels and clusters nothing ("big unrecoverable
# accuracy loss"); its wrapper of MultiHeadAttention cannot be called on two inputs.
CLUSTERED = {
    **dict.fromkeys(("Dense", "Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose"), "kernel"),
    **dict.fromkeys(("Conv2DTranspose", "Conv3DTranspose"), "kernel"),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), "pointwise_kernel"),
}
STARTS = {"kmeans++": "KMEANS_PLUS_PLUS", "density": "DENSITY_BASED", "linear": "LINEAR"}


@dataclasses.dataclass(frozen=True)
class Cluster:
    """Lets all weights of a kernel share `num_clusters` values, and tunes these while the model trains.

    w = c[i], with the centroids c of shape (K,) and indices i of the kernel's shape; a step of training moves c by the
    mean of its weights' gradients, and then each weight to its nearest centroid. What comes out is a plain Keras model
    with at most K distinct values in a kernel: its int8 .tflite is smaller zipped, and `save_packed` stores log2(K)
    bits a weight. Kernels of frozen layers (trainable=False) are clustered by k-means before, and not tuned.

    Args:
      num_clusters: distinct values in a kernel, zero among them when zeros are kept; 3 to 256. Defaults to 16.
      preserve_sparsity: whether zeros stay zero, in kernels that have some. Defaults to True.
      start: where centroids begin: "kmeans++"; "density", at quantiles; "linear", at equal steps, which favours large
        weights, as Deep Compression does. Defaults to "kmeans++".
      per_layer: other numbers by selectors of layers (core/selection.py), None to leave a layer whole.

    Raises:
      InvalidValue: for a value out of range.

    Example:

    >>> Cluster(num_clusters=16, per_layer={"logits": 64, "conv1": None}).num_clusters
    16

    References: Han et al., "Deep compression", 2016, https://arxiv.org/abs/1510.00149; tfmot's weight clustering,
    https://www.tensorflow.org/model_optimization/guide/clustering
    """

    takes: ClassVar[Literal["fit"]] = "fit"

    num_clusters: int = 16
    preserve_sparsity: bool = True
    start: str = "kmeans++"
    per_layer: PerLayer[int | None] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        fix = "Use 16."
        expect(_is_number(self.num_clusters), self, "num_clusters", "must be a whole number from 3 to 256", fix)
        expect_selectors(self, "per_layer")
        known = all(each is None or _is_number(each) for each in self.per_layer.values())
        expect(known, self, "per_layer", "must hold whole numbers from 3 to 256, or None", fix)
        expect(
            isinstance(self.preserve_sparsity, bool), self, "preserve_sparsity", "must be True or False", "Use True."
        )
        expect(self.start in STARTS, self, "start", f"must be one of {tuple(STARTS)}", "Use 'kmeans++'.")

    @property
    def makes(self) -> frozenset[str]:
        """Few distinct values."""
        return frozenset({CLUSTERS})

    @property
    def keeps(self) -> frozenset[str]:
        """Zeros, unless its settings say otherwise."""
        return frozenset({SPARSITY}) if self.preserve_sparsity else frozenset()

    def promises(self, model: Any) -> tuple[Promise, ...]:
        """How many values each kernel has at most, grouped by number."""
        groups: dict[int, list[str]] = {}
        for layer, number in self._chosen(model).items():
            groups.setdefault(number, []).append(f"{layer.name}/{CLUSTERED[type(layer).__name__]}")
        return tuple(Promise(CLUSTERS, kernels=tuple(names), at_most=number) for number, names in groups.items())

    def apply(self, model: Any, fit: Fit) -> Any:
        """Gives a plain model with clustered kernels, trained by `fit`.

        Raises:
          UnsupportedModel: when no layer can be clustered, or the model is quantization-aware.
          NothingHappened: when a kernel has more values afterwards than it should.
        """
        from ..fitting.kept_zeros import KeptZeros  # a Keras class: only now is TensorFlow needed

        promises = self.promises(model)
        copy = copy_model(model)
        left = self._left_whole(copy)
        if left:
            remark(f"not clustered: {', '.join(layer.name for layer in left)}.")
        self._cluster_frozen(copy)
        clustered = self._wrapped(copy)
        whole = [kernel for layer in left for kernel in kernel_variables(layer).values()]
        fit(clustered, callbacks=[KeptZeros(whole)] if self.preserve_sparsity else [])
        stripped = {layer.name: layer for layer in leaf_layers(tfmot.clustering.keras.strip_clustering(clustered))}
        result = copy_model(model)
        for layer in leaf_layers(result):
            layer.set_weights(stripped[layer.name].get_weights())
        found = kernels(result)
        for promise in promises:
            for name in promise.kernels:
                if num_distinct(found[name]) > promise.at_most:
                    raise NothingHappened(
                        f"Cluster expects at most {promise.at_most} distinct values in {name}. Received: "
                        f"{num_distinct(found[name])} after {fit.steps} steps. Please report this model."
                    )
        return result

    def _wrapped(self, model: Any) -> Any:
        """`model` with tfmot's wrappers around the layers that are clustered; the layers are the same objects."""
        numbers = self._chosen(model)
        clustering = tfmot.clustering.keras
        # The form of it that keeps zeros is not in tfmot's public names.
        experimental = importlib.import_module(f"{clustering.experimental.__name__}.cluster")
        # tfmot's default is the sum over a centroid's weights, thousands of them: a learning rate that is right for the
        # weights makes centroids diverge.
        average = importlib.import_module(clustering.CentroidInitialization.__module__).GradientAggregation.AVG
        start = getattr(clustering.CentroidInitialization, STARTS[self.start])

        def wrap(layer: Any) -> Any:
            if isinstance(layer, keras.Model):
                return keras.models.clone_model(layer, clone_function=wrap)
            if layer not in numbers or num_distinct(_kernel(layer)) <= numbers[layer]:
                return layer  # has few values already: tfmot cannot choose so many, and training must not add any
            zeros = self.preserve_sparsity and bool((_kernel(layer) == 0).any())
            return experimental.cluster_weights(
                layer,
                numbers[layer],
                cluster_centroids_init=start,
                preserve_sparsity=zeros,
                cluster_gradient_aggregation=average,
            )

        for layer, number in numbers.items():
            if num_distinct(_kernel(layer)) <= number:
                layer.trainable = False
        return keras.models.clone_model(model, clone_function=wrap)

    def _cluster_frozen(self, model: Any) -> None:
        """Clusters the kernels of frozen layers, which tfmot does by training only, and does not train them."""
        frozen = {layer: number for layer, number in self._chosen(model).items() if not layer.trainable}
        for layer, number in frozen.items():
            kernel = _kernel(layer)
            if num_distinct(kernel) > number:
                zeros = self.preserve_sparsity and bool((kernel == 0).any())
                name = f"{layer.name}/{CLUSTERED[type(layer).__name__]}"
                levels = Codebook(number, keep_zero=zeros).approximate(kernel, name=name)
                kernel_variables(layer)[CLUSTERED[type(layer).__name__]].assign(levels)
        if frozen:
            listed = ", ".join(layer.name for layer in frozen)
            remark(f"clustered by k-means, and not trained, as they are frozen: {listed}.")

    def _left_whole(self, model: Any) -> list[Any]:
        """The layers whose kernels are not clustered: they train on, and tfmot does not look after their zeros."""
        chosen = self._chosen(model)
        return [layer for layer in leaf_layers(model) if kernel_variables(layer) and layer not in chosen]

    def _chosen(self, model: Any) -> dict[Any, int]:
        """The layers to cluster, and into how many values."""
        if is_quantization_aware(model):
            raise UnsupportedModel(
                "Cluster expects a float model. Received: a quantization-aware one. Cluster before QuantizeAware."
            )
        layers = {layer.name: layer for layer in leaf_layers(model) if type(layer).__name__ in CLUSTERED}
        if not layers:
            found = ", ".join(sorted({type(layer).__name__ for layer in leaf_layers(model)}))
            raise UnsupportedModel(
                f"Cluster expects a layer with a kernel it can cluster ({', '.join(CLUSTERED)}). Received: {found}. "
                "QuantizeKernels(Codebook()) takes every kernel, without training."
            )
        numbers = by_layer(
            layers, self.num_clusters, self.per_layer, "Cluster.per_layer", "layers that can be clustered"
        )
        chosen = {layers[name]: number for name, number in numbers.items() if number is not None}
        if not chosen:
            raise NothingHappened(
                f"Cluster expects a layer to cluster. Received: per_layer that leaves all of them whole "
                f"({', '.join(layers)}). Take a selector out."
            )
        return chosen


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 3 <= value <= 256


def _kernel(layer: Any) -> np.ndarray:
    return kernel_variables(layer)[CLUSTERED[type(layer).__name__]].numpy()
