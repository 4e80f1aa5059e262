"""Which files are no smaller than the model in float32, and what they spend their bytes on."""

from __future__ import annotations

import dataclasses

from ...core.remarks import remark

SMALL = ("INT4", "INT8", "UINT8", "INT16", "FLOAT16")
DESCRIPTION = 48 * 1024  # bytes; a network's operations, loops among them, take as many in whatever mode


@dataclasses.dataclass(frozen=True)
class Spending:
    """What a file's bytes hold.

    Args:
      float_bytes: constants of float32.
      small_bytes: constants of fewer bits.
      description_bytes: the rest: operations, tensors' names, scales, shapes.
      num_operations: in all graphs of the file.
    """

    float_bytes: int
    small_bytes: int
    description_bytes: int
    num_operations: int

    def __str__(self) -> str:
        parts = {
            f"describe {self.num_operations:,} operations": self.description_bytes,
            "are constants in float32": self.float_bytes,
            "are constants of fewer bits": self.small_bytes,
        }
        largest = sorted(parts.items(), key=lambda part: -part[1])
        return ", ".join(f"{size:,} {what}" for what, size in largest if size)


def say_size(content: bytes, mode: str, num_weights: int) -> None:
    """Remarks a file that is larger than its model's weights in float32, or that made none of them smaller.

    Args:
      content: of the file.
      mode: of the exporter.
      num_weights: of the model, trained or not.
    """
    if mode.startswith("float32"):
        return
    spending = spending_of(content)
    if spending.float_bytes and not spending.small_bytes and num_weights:
        remark(
            f"The {mode} file is as large as the float32 one: the converter leaves kernels below 1,024 values in "
            "float32, and the model has no larger ones."
        )
    elif len(content) > 4 * num_weights + DESCRIPTION:
        remark(f"The {mode} file takes {len(content):,} bytes, the weights in float32 {4 * num_weights:,}: {spending}.")


def spending_of(content: bytes) -> Spending:
    """What the bytes of a .tflite hold."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(bytearray(content)))
    sizes = [0 if buffer.data is None else len(buffer.data) for buffer in model.buffers]
    types = {tensor.buffer: tensor.type for graph in model.subgraphs for tensor in graph.tensors}
    small_types = {getattr(schema.TensorType, name) for name in SMALL}
    floats = sum(sizes[number] for number, kind in types.items() if kind == schema.TensorType.FLOAT32)
    small = sum(sizes[number] for number, kind in types.items() if kind in small_types)
    operations = sum(len(graph.operators) for graph in model.subgraphs if graph.operators is not None)
    return Spending(floats, small, len(content) - floats - small, operations)
