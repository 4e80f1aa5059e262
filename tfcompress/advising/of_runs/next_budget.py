"""Which bytes the next technique would reach: computed of the file itself, by doing to its kernels what it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...core.types import Advice
from ...measuring.tflite import KERNEL_INPUT, look_at, op_name, zipped_bytes
from ...running.report import OFFER

if TYPE_CHECKING:
    import numpy as np

FEW_ZEROS, NUM_VALUES = 0.3, 16
LEAST = 0.9  # of the bytes: what would be saved must be worth a training


def next_budget(content: bytes, name: str, sparsity: float) -> Advice | None:
    """Half of each kernel zero where there are few zeros yet, else 16 values a kernel; None where it saves no tenth.

    Args:
      content: of an int8 file.
      name: of it, for the sentence.
      sparsity: of its kernels.
    """
    if sparsity < FEW_ZEROS:
        change, what, follow = half_zero, "zeros in half of each kernel", "PruneLowMagnitude(0.5) before the export"
    else:
        change, what, follow = sixteen_values, f"{NUM_VALUES} values in each kernel", f"Cluster({NUM_VALUES})"
    before, after = zipped_bytes(content), zipped_bytes(changed(content, change))
    if after > LEAST * before:
        return None
    return Advice(
        OFFER,
        f"The next technique, {what}, would take {name} from {before:,} to about {after:,} zipped bytes.",
        None,
        f"{before - after:,} zipped bytes less, computed of this file; what accuracy it costs is to be measured",
        follow,
    )


def half_zero(values: np.ndarray, zero: int) -> np.ndarray:
    """The smaller half made zero.

    >>> import numpy as np
    >>> half_zero(np.array([1, -2, 3, -4], "int8"), 0).tolist()
    [0, 0, 3, -4]
    """
    import numpy as np

    size = np.abs(values.astype("int32") - zero)
    return np.where(size > np.median(size), values, np.int8(zero))


def sixteen_values(values: np.ndarray, zero: int) -> np.ndarray:
    """Each to the nearest of 15 equal steps and zero; zeros stay.

    >>> import numpy as np
    >>> sixteen_values(np.array([0, 5, 120, -128], "int8"), 0).tolist()
    [0, 0, 119, -119]
    """
    import numpy as np

    steps = (NUM_VALUES - 2) // 2
    width = 127 // steps - 1
    found: np.ndarray = np.round((values.astype("int32") - zero) / width).clip(-steps, steps) * width + zero
    return found.clip(-128, 127).astype("int8")


def changed(content: bytes, change: Callable[[Any, int], Any]) -> bytes:
    """The file with its int8 kernels changed."""

    def pack(model: Any) -> bytes:
        import flatbuffers
        import numpy as np
        from ai_edge_litert import schema_py_generated as schema

        for graph in model.subgraphs:
            for operator in graph.operators:
                position = KERNEL_INPUT.get(op_name(model.operatorCodes[operator.opcodeIndex]))
                tensor = None if position is None else graph.tensors[operator.inputs[position]]
                if tensor is None or tensor.type != schema.TensorType.INT8:
                    continue
                buffer = model.buffers[tensor.buffer]
                if buffer.data is not None:
                    points = tensor.quantization.zeroPoint if tensor.quantization is not None else None
                    zero = 0 if points is None or not len(points) else int(points[0])
                    buffer.data = change(np.asarray(buffer.data, np.uint8).view(np.int8), zero).view(np.uint8)
        builder = flatbuffers.Builder(1 << 16)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    return look_at(content, "the file", pack)
