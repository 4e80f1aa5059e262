"""From stored examples to a file's input tensor, and from its output to numbers: `real = scale (q - zero_point)`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class TensorType:
    """The type of one tensor of a file: `scale` 0 means that it is not quantized."""

    dtype: np.dtype
    shape: tuple[int, ...]
    scale: float = 0.0
    zero_point: int = 0
    name: str = ""

    @classmethod
    def of(cls, details: Mapping[str, Any], name: str = "") -> TensorType:
        """Reads one entry of the interpreter's `get_input_details()` or `get_output_details()`."""
        scale, zero_point = details["quantization"]
        shape = tuple(int(size) for size in details["shape"])
        return cls(np.dtype(details["dtype"]), shape, float(scale), int(zero_point), name)


def named_tensors(interpreter: Any) -> tuple[dict[str, Mapping[str, Any]], dict[str, Mapping[str, Any]]]:
    """The details of a file's inputs and outputs by their names in its signature, or by their own where it has none."""
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    signatures = interpreter.get_signature_list()
    if not signatures:
        return {entry["name"]: entry for entry in inputs}, {entry["name"]: entry for entry in outputs}
    runner = interpreter.get_signature_runner(next(iter(signatures)))
    found = []
    for named, details in ((runner.get_input_details(), inputs), (runner.get_output_details(), outputs)):
        by_index = {entry["index"]: entry for entry in details}
        # An input that nothing reads is in the signature alone; it takes what it is given.
        found.append({name: by_index.get(entry["index"], entry) for name, entry in named.items()})
    return found[0], found[1]


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
    steps: np.ndarray = np.divide(real, np.float32(tensor.scale or 1))
    np.rint(steps, out=steps)  # in place from here on: this runs over every value of a test set
    np.add(steps, np.float32(tensor.zero_point), out=steps)
    np.clip(steps, limits.min, limits.max, out=steps)
    return steps.astype(tensor.dtype)


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
    """Turns stored examples into a file's input tensor: `stored * scale + offset` (the data's own), then `quantize`.

    >>> int8 = TensorType(np.dtype("int8"), (1, 3), scale=1.0, zero_point=-128)
    >>> Encoder(1.0, 0.0, int8)(np.array([0, 128, 255], "uint8"))
    array([-128,    0,  127], dtype=int8)
    """

    scale: float | Sequence[float]  # a number, or one for each channel
    offset: float | Sequence[float]
    tensor: TensorType

    def __call__(self, stored: np.ndarray) -> np.ndarray:
        untouched = np.all(np.equal(self.scale, 1)) and not np.any(self.offset)
        if stored.dtype == self.tensor.dtype and untouched and not self.tensor.scale:
            return stored  # token numbers and the like: float32 would round the large ones
        is_one_rule = np.ndim(self.scale) == np.ndim(self.offset) == 0
        if is_one_rule and stored.dtype == np.uint8 and self.tensor.dtype.itemsize == 1:
            # A byte becomes a byte: 256 results, and a table is ten times faster than the arithmetic on each value.
            encoded = stored.tobytes().translate(self._table)
            return np.frombuffer(encoded, self.tensor.dtype).reshape(stored.shape)
        return self._encode(stored)

    @cached_property
    def _table(self) -> bytes:
        return self._encode(np.arange(256, dtype="uint8")).tobytes()

    def _encode(self, stored: np.ndarray) -> np.ndarray:
        real = np.multiply(stored, np.asarray(self.scale, "float32"), dtype="float32")
        return quantize(np.add(real, np.asarray(self.offset, "float32"), out=real), self.tensor)
