"""From stored examples to a file's input tensor, and from its output to numbers: `real = scale (q - zero_point)`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class TensorType:
    """The type of one tensor of a file: `scale` 0 means that it is not quantized."""

    dtype: np.dtype
    shape: tuple[int, ...]
    scale: float = 0.0
    zero_point: int = 0

    @classmethod
    def of(cls, details: Mapping[str, Any]) -> TensorType:
        """Reads one entry of the interpreter's `get_input_details()` or `get_output_details()`."""
        scale, zero_point = details["quantization"]
        return cls(np.dtype(details["dtype"]), tuple(int(n) for n in details["shape"]), float(scale), int(zero_point))


def quantize(real: np.ndarray, tensor: TensorType) -> np.ndarray:
    """q = clip(round(real / scale) + zero_point), or only a change of dtype where the tensor is not quantized.

    >>> int8 = TensorType(np.dtype("int8"), (1, 4), scale=0.5, zero_point=-1)
    >>> quantize(np.array([0.0, 0.5, 1.2, 1000.0], "float32"), int8)
    array([ -1,   0,   1, 127], dtype=int8)

    Reference: Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference, 2018, https://arxiv.org/abs/1712.05877
    """
    if np.issubdtype(tensor.dtype, np.floating):
        return real.astype(tensor.dtype, copy=False)
    limits = np.iinfo(tensor.dtype)
    steps = np.divide(real, np.float32(tensor.scale or 1))
    np.rint(steps, out=steps)  # in place from here on: this runs over every value of a test set
    np.add(steps, np.float32(tensor.zero_point), out=steps)
    return np.clip(steps, limits.min, limits.max, out=steps).astype(tensor.dtype)


def dequantize(values: np.ndarray, tensor: TensorType) -> np.ndarray:
    """real = scale (q - zero_point) as float32; values of a tensor that is not quantized stay what they are.

    >>> int8 = TensorType(np.dtype("int8"), (1, 3), scale=0.5, zero_point=-1)
    >>> dequantize(np.array([-1, 0, 127], "int8"), int8)
    array([ 0. ,  0.5, 64. ], dtype=float32)
    """
    real = values.astype("float32")
    return (real - np.float32(tensor.zero_point)) * np.float32(tensor.scale) if tensor.scale else real


@dataclasses.dataclass(frozen=True)
class Encoder:
    """Turns stored examples into a file's input tensor: times `scale` (the data's own), then `quantize`."""

    scale: float
    tensor: TensorType

    def __call__(self, stored: np.ndarray) -> np.ndarray:
        if stored.dtype == self.tensor.dtype and self.scale == 1 and not self.tensor.scale:
            return stored  # token numbers and the like: float32 would round the large ones
        return quantize(np.multiply(stored, np.float32(self.scale), dtype="float32"), self.tensor)
