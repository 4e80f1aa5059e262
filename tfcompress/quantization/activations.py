"""Activations on the levels of any number of bits, in a float model: what a file of such tensors would give."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ..backend.tensorflow import keras
from ..core.errors import NothingHappened, UnsupportedModel, expect
from ..core.selection import PerLayer, by_layer, expect_selectors
from ..core.types import CLUSTERS, LEVELS, SPARSITY, Data, Promise
from ..data.sampling import batches
from ..graph.output_chain import output_chains
from ..graph.rewriting import flattened, rewritten
from ..measuring.measure import leaf_layers
from ..models_io.copying import copy_model
from .after_training.layerwise import BATCH_SIZE, examples
from .quantizers.affine import Affine

if TYPE_CHECKING:
    import numpy as np

    from .quantizers.affine import Grid

# They hand on numbers that they are given: TFLite has them keep the levels of their input.
PASSING = (
    *("Flatten", "Reshape", "Permute", "RepeatVector", "Dropout", "SpatialDropout1D", "SpatialDropout2D"),
    *("MaxPooling1D", "MaxPooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D"),
    *("Cropping1D", "Cropping2D", "ZeroPadding1D", "ZeroPadding2D"),
)
_SAMPLE = 1 << 17  # values of a tensor by which a range that clips is chosen


@dataclasses.dataclass(frozen=True)
class QuantizeActivations:
    """Rounds each tensor between layers, as a file with integer activations does; the model stays a float model.

    A tensor is rounded where TFLite has one: the input, and what an operation gives after the BatchNormalization and
    the ReLU that it has built in. Ranges are taken from training examples, without labels, and nothing is trained.
    For trying numbers of bits that no exporter writes: after `QuantizeKernels`, before none.

    Args:
      quantizer: with one scale for a tensor, rounding to the nearest. Defaults to 8 bits, asymmetric, over the
        extremes.
      per_layer: other quantizers by selectors of layers (core/selection.py), None to leave an output in float.
      num_examples: by which ranges are chosen, at least 1. Defaults to 256.
      seed: of the choice of examples. Defaults to 0.

    Raises:
      InvalidValue: for a value out of range.

    Example:

    >>> import tfcompress as tfc
    >>> model = tfc.simple_cnn((8, 8, 1), width=2)
    >>> four = QuantizeActivations(Affine(4, symmetric=False, per_channel=False), num_examples=32)
    >>> rounded = four.apply(model, tfc.Digits())
    >>> [layer.name for layer in rounded.layers][:4]
    ['image', 'image_rounded', 'conv1', 'conv1_rounded']

    Reference: Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only
    inference", 2018, https://arxiv.org/abs/1712.05877
    """

    takes: ClassVar[Literal["data"]] = "data"

    quantizer: Affine = Affine(symmetric=False, per_channel=False)
    per_layer: PerLayer[Affine | None] = dataclasses.field(default_factory=dict)
    num_examples: int = 256
    seed: int = 0

    def __post_init__(self) -> None:
        fix = "Use Affine(8, symmetric=False, per_channel=False)."
        kind = "must be an Affine of one scale that rounds to the nearest"
        expect(_suits(self.quantizer), self, "quantizer", kind, fix)
        expect_selectors(self, "per_layer")
        known = all(each is None or _suits(each) for each in self.per_layer.values())
        expect(known, self, "per_layer", f"{kind.replace('be an', 'hold an')}, or None", fix)
        expect(self.num_examples >= 1, self, "num_examples", "must be at least 1", "Use 256.")
        expect(self.seed >= 0, self, "seed", "must be a whole number from 0", "Use 0.")

    @property
    def makes(self) -> frozenset[str]:
        """Nothing that a file could be held to."""
        return frozenset()

    @property
    def keeps(self) -> frozenset[str]:
        """All of the kernels, which it leaves as they are."""
        return frozenset({SPARSITY, CLUSTERS, LEVELS})

    def promises(self, model: Any) -> tuple[Promise, ...]:
        """None."""
        return ()

    def apply(self, model: Any, data: Data) -> Any:
        """Gives a copy of `model` with a layer that rounds behind each tensor of the file.

        Raises:
          InvalidValue: for a selector of `per_layer` that matches no layer.
          UnsupportedModel: for a quantization-aware model, one whose tensors are rounded, or one without a graph.
          NothingHappened: when `per_layer` leaves all in float.
        """
        from ..layers.rounded import Rounded  # a Keras class: only now is TensorFlow needed

        if any(isinstance(layer, Rounded) for layer in leaf_layers(model)):
            raise UnsupportedModel(
                f"QuantizeActivations expects tensors in float. Received: {model.name!r}, whose tensors are rounded "
                "already. Give the model of the stage before."
            )
        flat = copy_model(flattened(model))  # whose layers have no calls but its own
        ends = _ends(flat)
        owner, expected = "QuantizeActivations.per_layer", "layers whose outputs are tensors of the file"
        every = by_layer(ends, self.quantizer, self.per_layer, owner, expected)
        quantizers = {name: each for name, each in every.items() if each is not None}
        if not quantizers:
            raise NothingHappened(
                "QuantizeActivations expects a tensor to round. Received: per_layer that leaves all of them in float "
                f"({', '.join(ends)}). Take a selector out."
            )
        inputs = examples(model, data, self.num_examples, self.seed)
        levels = _levels(flat, {name: ends[name] for name in quantizers}, quantizers, inputs, self.seed)
        behind = {
            name: Rounded(
                float(grid.scale[0]), int(grid.zero_point[0]), grid.lowest, grid.highest, name=f"{name}_rounded"
            )
            for name, grid in levels.items()
        }
        return rewritten(flat, lambda layer: None, lambda layer: behind.get(layer.name))


def _suits(quantizer: Any) -> bool:
    return isinstance(quantizer, Affine) and not quantizer.per_channel and quantizer.rounding == "nearest"


def _ends(model: Any) -> dict[str, Any]:
    """The layers, by name, whose outputs are tensors of the file, in the order of the model."""
    last = {chain[-1].name: chain[-1] for chain in output_chains(model, "QuantizeActivations").values()}
    return {
        layer.name: layer
        for layer in model.layers
        if layer.name in last
        and type(layer).__name__ not in PASSING
        and all(tensor.dtype == "float32" for tensor in _outputs(layer))
    }


def _outputs(layer: Any) -> list[Any]:
    """What all calls of a layer give."""
    found = [layer.get_output_at(number) for number in range(len(layer.inbound_nodes))]
    return [tensor for outputs in found for tensor in (outputs if isinstance(outputs, list | tuple) else [outputs])]


def _levels(
    model: Any, ends: Mapping[str, Any], quantizers: Mapping[str, Affine], inputs: np.ndarray, seed: int
) -> dict[str, Grid]:
    """The levels of each tensor, by what is seen of it when `model` is given `inputs`."""
    import numpy as np

    looking = keras.Model(model.inputs, {name: _outputs(layer) for name, layer in ends.items()})
    share = _SAMPLE * min(64, len(inputs)) // len(inputs)  # of each batch
    random = np.random.default_rng(seed)
    seen: dict[str, list[np.ndarray]] = {name: [] for name in ends}
    for batch in batches(inputs, BATCH_SIZE):
        for name, tensors in looking(batch, training=False).items():
            values = np.concatenate([np.ravel(tensor) for tensor in tensors])
            seen[name] += [values.min(keepdims=True), values.max(keepdims=True)]
            if quantizers[name].range_by != "min_max":
                seen[name].append(random.choice(values, min(share, len(values)), replace=False))
    return {name: quantizers[name].quantize(np.concatenate(found), (), name)[1] for name, found in seen.items()}
