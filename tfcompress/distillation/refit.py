"""Reconstruction layer by layer: what is left of a pruned kernel is refitted to give what the whole one gave."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from ..core.errors import InvalidRecipe, NothingHappened, UnsupportedModel, expect
from ..core.keras import copy_model, keras, tf
from ..core.types import SPARSITY, Fit, Promise

if TYPE_CHECKING:
    import numpy as np

BATCH_SIZE = 64


@dataclasses.dataclass(frozen=True)
class Refit:
    """Refits the weights that pruning left, by least squares, so that each layer gives what the unpruned one gave.

    Layer by layer from the input on, with X the inputs of a Conv2D's or Dense's kernel in the pruned model as refitted
    so far, (positions, inputs), and Y the outputs of the same layer in the teacher, before its activation: for each
    output w = argmin |X w + b - Y|^2 + ridge |w - w_0|^2 over the weights that are not zero. Zeros stay zeros. No labels
    are needed, and no gradient: `fit` is a `distilled` one, of which the teacher and the data are taken.

    Args:
      num_examples: of the training split to fit on, at least 1. Defaults to 512.
      num_positions: rows of X at most, drawn at random from all positions of all examples, at least 1. Defaults to
        20,000.
      ridge: how much a weight is held where it was, as a share of the mean square of the inputs, above 0. Defaults to
        0.01.
      seed: of the draw. Defaults to 0.

    Raises:
      InvalidValue: for a value out of range.

    Example:

    >>> Refit().keeps
    frozenset({'sparsity'})

    Reference: He et al., "Channel pruning for accelerating very deep neural networks" (section 3), 2017,
    https://arxiv.org/abs/1707.06168
    """

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

    def apply(self, model: Any, fit: Fit) -> Any:
        """Gives a refitted copy of `model`; `fit` is `distilled(KerasFit(...), teacher)`, and trains nothing.

        Raises:
          InvalidRecipe: when `fit` has no teacher, or no data.
          UnsupportedModel: when the teacher has not the same layers.
          NothingHappened: when the model has no layer that could be refitted.
        """
        teacher, data = getattr(fit, "teacher", None), getattr(getattr(fit, "fit", None), "data", None)
        if not isinstance(teacher, keras.Model) or data is None:
            raise InvalidRecipe(
                f"Refit expects the fit to be distilled(KerasFit(...), teacher). Received: {type(fit).__name__}. "
                "Name the unpruned stage as the teacher."
            )
        refitted = copy_model(model)
        layers = [layer for layer in refitted.layers if type(layer) in (keras.layers.Conv2D, keras.layers.Dense)]
        if not layers:
            raise NothingHappened("Refit expects a Conv2D or a Dense layer. Received: a model without. Leave it out.")
        inputs = self._examples(data)
        for layer in layers:
            self._refit(layer, _same_layer(teacher, layer), refitted, teacher, inputs)
        return refitted

    def _examples(self, data: Any) -> np.ndarray:
        import numpy as np

        stored = data.train.inputs
        chosen = np.random.default_rng(self.seed).permutation(len(stored))[: self.num_examples]
        return data.model_inputs(stored[chosen])

    def _refit(self, layer: Any, whole: Any, model: Any, teacher: Any, inputs: np.ndarray) -> None:
        import numpy as np

        rows = _kernel_inputs(layer, _answers(model, layer.input, inputs))
        wanted = _kernel_inputs(whole, _answers(teacher, whole.input, inputs)) @ _matrix(whole) + _bias(whole)
        drawn = np.random.default_rng(self.seed).permutation(len(rows))[: self.num_positions]
        kernel = least_squares(rows[drawn], wanted[drawn], _matrix(layer), _bias(layer), self.ridge, layer.use_bias)
        layer.set_weights([part for part in _shaped(layer, *kernel) if part is not None])


def least_squares(
    inputs: np.ndarray, outputs: np.ndarray, kernel: np.ndarray, bias: np.ndarray, ridge: float, with_bias: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """The kernel and bias that give `outputs` of `inputs` best, near the ones given and zero where they are zero.

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


def _same_layer(teacher: Any, layer: Any) -> Any:
    found = {other.name: other for other in teacher.layers}.get(layer.name)
    if found is None or type(found) is not type(layer) or found.kernel.shape != layer.kernel.shape:
        shape = None if found is None else tuple(getattr(found, "kernel", layer.kernel).shape)
        raise UnsupportedModel(
            f"Refit expects the teacher to have {layer.name!r} with a kernel of {tuple(layer.kernel.shape)}. Received: "
            f"{shape or 'none'}. Give the model before pruning; removed channels cannot be refitted."
        )
    return found


def _answers(model: Any, tensor: Any, inputs: np.ndarray) -> np.ndarray:
    import numpy as np

    ask = keras.backend.function(model.inputs, [tensor])
    return np.concatenate([ask([inputs[i : i + BATCH_SIZE]])[0] for i in range(0, len(inputs), BATCH_SIZE)])


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


def _shaped(layer: Any, kernel: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    return kernel.reshape(layer.kernel.shape), bias if layer.use_bias else None
