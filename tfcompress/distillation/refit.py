"""Reconstruction layer by layer: what is left of a pruned kernel is refitted to give what the whole one gave.

X, (positions, inputs), is what a kernel is multiplied with in the pruned model, a row for each position of each
example; Y, (positions, outputs), is what the layer of the same name gives in the unpruned one. w_0 and b_0 are the
pruned kernel, as a matrix (inputs, outputs), and its bias.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ..backend.tensorflow import keras, tf
from ..core.errors import InvalidRecipe, NothingHappened, UnsupportedModel, expect
from ..core.examples.nests import Nest, leaves
from ..core.remarks import remark
from ..core.types import SPARSITY, Data, Promise
from ..data.sampling import batches, drawn
from ..measuring.measure import kernels, plain_name
from ..measuring.outputs import taken_by
from ..models_io.copying import copy_model

if TYPE_CHECKING:
    import numpy as np


BATCH_SIZE = 64


def least_squares(
    inputs: np.ndarray, outputs: np.ndarray, kernel: np.ndarray, bias: np.ndarray, ridge: float, with_bias: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """The kernel and bias that give `outputs` of `inputs` best, near w_0 and b_0, and zero where w_0 is zero.

    argmin |X w + b - Y|^2 + ridge mean(X^2) N |w - w_0|^2 for N positions, an output at a time.

    Args:
      inputs: X, (positions, inputs).
      outputs: Y, (positions, outputs).
      kernel: w_0, (inputs, outputs); its zeros stay.
      bias: b_0, (outputs,).
      ridge: as a share of the mean square of the inputs, above 0.
      with_bias: whether the bias is fitted too.

    Returns:
      The kernel and the bias, of the shapes given.
    """
    import numpy as np

    ones = np.ones((len(inputs), int(with_bias)))
    wide = np.concatenate([inputs, ones], axis=1).astype("float64")
    missing = wide.T @ (outputs - inputs @ kernel - bias)  # what w_0 leaves to be explained, (inputs + 1, outputs)
    moments = wide.T @ wide
    held = ridge * np.mean(np.square(inputs)) * len(inputs)
    moments[np.diag_indices(inputs.shape[1])] += held
    kernel, bias = kernel.astype("float64"), bias.astype("float64")
    for column in range(kernel.shape[1]):
        free = np.append(kernel[:, column] != 0, np.ones(int(with_bias), bool))
        if not free.any():
            continue
        step = np.linalg.lstsq(moments[np.ix_(free, free)], missing[free, column], rcond=None)[0]
        kernel[free[: len(kernel)], column] += step[: len(step) - int(with_bias)]
        bias[column] += step[-1] if with_bias else 0.0
    return kernel.astype("float32"), bias.astype("float32")


@dataclasses.dataclass(frozen=True)
class Refit:
    """Refits the weights that pruning left, by least squares, so that each layer gives what the unpruned one gave.

    Layer by layer from the input on, with X the inputs of a Conv2D's or Dense's kernel in the pruned model as refitted
    so far, (positions, inputs), and Y the outputs of the same layer in the teacher, before its activation: for each
    output w = argmin |X w + b - Y|^2 + ridge |w - w_0|^2 over the weights that are not zero. Zeros stay zeros. No
    labels are needed, and no gradient.

    Args:
      teacher: the unpruned model; in a recipe, the name of its stage.
      num_examples: of the training split to fit on, at least 1. Defaults to 512.
      num_positions: rows of X at most, drawn at random from all positions of all examples, at least 1. Defaults to
        20,000.
      ridge: how much a weight is held where it was, as a share of the mean square of the inputs, above 0. Defaults to
        0.01.
      seed: of the draw. Defaults to 0.

    Raises:
      InvalidValue: for a value out of range.

    Example:

    >>> Refit("unpruned").keeps
    frozenset({'sparsity'})

    Reference: He et al., "Channel pruning for accelerating very deep neural networks" (section 3), 2017,
    https://arxiv.org/abs/1707.06168
    """

    takes: ClassVar[Literal["data"]] = "data"

    teacher: Any
    num_examples: int = 512
    num_positions: int = 20_000
    ridge: float = 0.01
    seed: int = 0

    def __post_init__(self) -> None:
        expect(self.num_examples >= 1, self, "num_examples", "must be at least 1", "Use 512.")
        expect(self.num_positions >= 1, self, "num_positions", "must be at least 1", "Use 20000.")
        expect(self.ridge > 0, self, "ridge", "must be above 0", "Use 0.01.")

    @property
    def makes(self) -> frozenset[str]:
        """Nothing."""
        return frozenset()

    @property
    def keeps(self) -> frozenset[str]:
        """Zeros."""
        return frozenset({SPARSITY})

    def promises(self, model: Any) -> tuple[Promise, ...]:
        """None."""
        return ()

    @property
    def needs(self) -> tuple[str, ...]:
        """The name of the stage whose model this asks for."""
        return (self.teacher,) if isinstance(self.teacher, str) else ()

    def resolve(self, models: Mapping[str, Any]) -> Refit:
        """The same with the teacher's name replaced by its model."""
        return dataclasses.replace(self, teacher=models[self.teacher]) if self.needs else self

    def apply(self, model: Any, data: Data) -> Any:
        """Gives a refitted copy of `model`, by examples of the training split.

        Raises:
          InvalidRecipe: when the teacher is a name: outside of a recipe it is a model.
          UnsupportedModel: when the teacher has not the same layers.
          NothingHappened: when the model has no layer that could be refitted.
        """

        if not isinstance(self.teacher, keras.Model):
            raise InvalidRecipe(
                f"Refit.teacher must be a Keras model outside of a recipe. Received: {self.teacher!r}. Load the model "
                "and give it instead of a stage's name."
            )
        inputs = taken_by(model, data, drawn(data, self.num_examples, self.seed).inputs)
        return reconstruct(model, self.teacher, inputs, self.num_positions, self.ridge, self.seed)


def reconstruct(
    pruned_model: Any,
    original_model: Any,
    inputs: Nest,
    num_positions: int = 20_000,
    ridge: float = 0.01,
    seed: int = 0,
) -> Any:
    """Gives a copy of a pruned model whose layers give what the original's do, as `Refit` says.

    Args:
      pruned_model: a model with zeros in its kernels.
      original_model: the same layers, before pruning.
      inputs: as the models take them: an array (examples, ...), or a list of them.
      num_positions: rows of X at most, at least 1. Defaults to 20,000.
      ridge: as a share of the mean square of the inputs, above 0. Defaults to 0.01.
      seed: of the draw of positions. Defaults to 0.

    Raises:
      UnsupportedModel: when the original has not the same layers.
      NothingHappened: when there is no layer that could be refitted.

    Example:

    >>> import numpy as np
    >>> original, pruned = (keras.Sequential([keras.layers.Dense(1, name="d", input_shape=(2,))]) for _ in range(2))
    >>> original.set_weights([np.array([[1.0], [1.0]]), np.zeros(1)])
    >>> pruned.set_weights([np.array([[1.0], [0.0]]), np.zeros(1)])
    >>> column = np.linspace(-1, 1, 50)
    >>> refitted = reconstruct(pruned, original, np.stack([column, column], axis=1), ridge=1e-6)
    >>> refitted.get_weights()[0].round(2).tolist()  # one weight does the work of two
    [[2.0], [0.0]]
    """
    refitted, original = copy_model(pruned_model), copy_model(original_model)
    layers = _layers(refitted)
    if not layers:
        raise NothingHappened("Refit expects a Conv2D or a Dense layer. Received: a model without. Leave it out.")
    fitted = {plain_name(layer) for layer in layers}
    others = {name.rpartition("/")[0] for name, kernel in kernels(refitted).items() if (kernel == 0).any()} - fitted
    if others:
        remark(f"Not refitted, as only Conv2D and Dense are: {', '.join(sorted(others))}.")
    for layer in layers:
        whole = _same_layer(original, layer)
        rows, wanted = _rows(layer, refitted, whole, original, inputs, num_positions, seed)
        kernel, bias = least_squares(rows, wanted, _matrix(layer), _bias(layer), ridge, layer.use_bias)
        layer.set_weights([kernel.reshape(layer.kernel.shape), *([bias] if layer.use_bias else [])])
    return refitted


def _layers(model: Any) -> list[Any]:
    return [layer for layer in model.layers if type(layer) in (keras.layers.Conv2D, keras.layers.Dense)]


def _rows(
    layer: Any, model: Any, whole: Any, original: Any, inputs: Nest, num_positions: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """X and Y at positions drawn from each batch: all of them would be gigabytes in a wide layer."""
    import numpy as np

    rng = np.random.default_rng(seed)
    asks = [keras.backend.function(each.inputs, [part.input]) for each, part in ((model, layer), (original, whole))]
    rows, wanted = [], []
    for batch in batches(inputs, BATCH_SIZE):
        arrays = leaves(batch)
        ours, theirs = (_kernel_inputs(layer, ask(arrays)[0]) for ask in asks)
        drawn = rng.permutation(len(ours))[: -(-num_positions * len(arrays[0]) // len(leaves(inputs)[0]))]
        rows.append(ours[drawn])
        wanted.append(theirs[drawn] @ _matrix(whole) + _bias(whole))
    return np.concatenate(rows), np.concatenate(wanted)


def _same_layer(teacher: Any, layer: Any) -> Any:
    if len(layer.inbound_nodes) != 1:
        raise UnsupportedModel(
            f"Refit expects each layer to be used once. Received: {layer.name!r}, used {len(layer.inbound_nodes)} "
            "times. Leave Refit out, and distil."
        )
    found = {other.name: other for other in teacher.layers}.get(layer.name)
    if found is None or type(found) is not type(layer) or found.kernel.shape != layer.kernel.shape:
        shape = None if found is None else tuple(getattr(found, "kernel", layer.kernel).shape)
        raise UnsupportedModel(
            f"Refit expects the teacher to have {layer.name!r} with a kernel of {tuple(layer.kernel.shape)}. Received: "
            f"{shape or 'none'}. Give the model before pruning; removed channels cannot be refitted."
        )
    return found


def _kernel_inputs(layer: Any, values: np.ndarray) -> np.ndarray:
    """What each entry of a kernel is multiplied with, a row a position: (positions, inputs)."""
    if isinstance(layer, keras.layers.Dense):
        return values.reshape(-1, values.shape[-1])
    if layer.groups != 1:
        raise UnsupportedModel(f"Refit knows no grouped convolution. Received: {layer.name!r}. Leave it out.")
    height, width = layer.kernel_size
    patches = tf.image.extract_patches(
        values,
        sizes=[1, height, width, 1],
        strides=[1, *layer.strides, 1],
        rates=[1, *layer.dilation_rate, 1],
        padding=layer.padding.upper(),
    )
    return patches.numpy().reshape(-1, patches.shape[-1])


def _matrix(layer: Any) -> np.ndarray:
    kernel = layer.get_weights()[0]
    return kernel.reshape(-1, kernel.shape[-1])


def _bias(layer: Any) -> np.ndarray:
    import numpy as np

    return layer.get_weights()[1] if layer.use_bias else np.zeros(layer.kernel.shape[-1], "float32")
