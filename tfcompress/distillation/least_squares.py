"""Least squares over the weights that pruning left."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


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
