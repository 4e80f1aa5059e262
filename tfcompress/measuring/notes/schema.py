"""TensorFlow Lite's metadata as bytes: the tables of metadata_schema.fbs (1.3.0), as far as we write them.

Android's and iOS's task libraries read it: names, descriptions, how inputs are scaled, and the names of the files that
are kept behind the model in a ZIP archive, labels and vocabularies.

Reference: tflite-support, tensorflow_lite_support/metadata/metadata_schema.fbs; fields by their order there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

IDENTIFIER = b"M001"
LABELS_FILE, VOCABULARY_FILE = 2, 5  # AssociatedFileType: TENSOR_AXIS_LABELS, VOCABULARY
FEATURES, SOUND, NORMALIZATION = 1, 4, 1  # of the unions ContentProperties and ProcessUnitOptions
LEAST_PARSER = "1.3.0"  # the first that knows all of this, sound being the last


@dataclasses.dataclass(frozen=True)
class TensorMetadata:
    """Of one input or output.

    `files` are names with their types, `mean` and `std` those of (x - mean) / std; `sample_rate` makes it sound of one
    channel, 0 makes it numbers.
    """

    name: str
    description: str = ""
    files: tuple[tuple[str, int], ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    sample_rate: int = 0


@dataclasses.dataclass(frozen=True)
class ModelMetadata:
    """Of a model with one graph."""

    name: str
    description: str
    version: str
    inputs: tuple[TensorMetadata, ...]
    outputs: tuple[TensorMetadata, ...]


def packed(model: ModelMetadata) -> bytes:
    """The content of the metadata buffer TFLITE_METADATA."""
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    ends = [[_tensor(builder, each) for each in part] for part in (model.inputs, model.outputs)]
    graph = _table(builder, 7, {2: _vector(builder, ends[0]), 3: _vector(builder, ends[1])})
    graphs = _vector(builder, [graph])
    texts = [builder.CreateString(text) for text in (model.name, model.description, model.version, LEAST_PARSER)]
    root = _table(builder, 8, {0: texts[0], 1: texts[1], 2: texts[2], 3: graphs, 7: texts[3]})
    builder.Finish(root, IDENTIFIER)
    return bytes(builder.Output())


def unpacked(content: bytes) -> ModelMetadata:
    """The inverse. Raises `ValueError` for other bytes."""
    import flatbuffers

    if content[4:8] != IDENTIFIER:
        raise ValueError(f"its metadata begins with {content[4:8]!r}, not {IDENTIFIER!r}")
    data = bytearray(content)
    root = flatbuffers.table.Table(data, int.from_bytes(data[:4], "little"))
    graph = _tables(root, 3)[0]
    ends = [tuple(_tensor_of(table) for table in _tables(graph, field)) for field in (2, 3)]
    return ModelMetadata(_text(root, 0), _text(root, 1), _text(root, 2), *ends)


def _tensor(builder: Any, tensor: TensorMetadata) -> int:
    name, description = builder.CreateString(tensor.name), builder.CreateString(tensor.description)
    files = []
    for file_name, kind in tensor.files:
        text = builder.CreateString(file_name)
        builder.StartObject(5)
        builder.PrependUOffsetTRelativeSlot(0, text, 0)
        builder.PrependInt8Slot(2, kind, 0)
        files.append(builder.EndObject())
    fields = {0: name, 1: description, 3: _content(builder, tensor.sample_rate)}
    if tensor.mean:
        fields[4] = _vector(builder, [_normalization(builder, tensor)])
    if files:
        fields[6] = _vector(builder, files)
    return _table(builder, 7, fields)


def _content(builder: Any, sample_rate: int) -> int:
    """Sound of one channel, or numbers."""
    builder.StartObject(2)
    if sample_rate:
        builder.PrependUint32Slot(0, sample_rate, 0)
        builder.PrependUint32Slot(1, 1, 0)
    properties = builder.EndObject()
    builder.StartObject(2)
    builder.PrependUint8Slot(0, SOUND if sample_rate else FEATURES, 0)
    builder.PrependUOffsetTRelativeSlot(1, properties, 0)
    content: int = builder.EndObject()
    return content


def _normalization(builder: Any, tensor: TensorMetadata) -> int:
    """A process unit."""
    vectors = []
    for values in (tensor.mean, tensor.std):
        builder.StartVector(4, len(values), 4)
        for value in reversed(values):
            builder.PrependFloat32(value)
        vectors.append(builder.EndVector())
    options = _table(builder, 2, dict(enumerate(vectors)))
    builder.StartObject(2)
    builder.PrependUint8Slot(0, NORMALIZATION, 0)
    builder.PrependUOffsetTRelativeSlot(1, options, 0)
    unit: int = builder.EndObject()
    return unit


def _table(builder: Any, num_fields: int, offsets: dict[int, int]) -> int:
    builder.StartObject(num_fields)
    for field, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(field, offset, 0)
    table: int = builder.EndObject()
    return table


def _vector(builder: Any, offsets: Sequence[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    vector: int = builder.EndVector()
    return vector


def _field(table: Any, number: int) -> int:
    """Where a field lies, relative to the table; 0 where it is left out."""
    offset: int = table.Offset(4 + 2 * number)
    return offset


def _text(table: Any, number: int) -> str:
    offset = _field(table, number)
    return table.String(table.Pos + offset).decode("utf-8", "replace") if offset else ""


def _tables(table: Any, number: int) -> list[Any]:
    import flatbuffers

    offset = _field(table, number)
    if not offset:
        return []
    begin = table.Vector(offset)
    places = (begin + 4 * index for index in range(table.VectorLen(offset)))
    return [flatbuffers.table.Table(table.Bytes, table.Indirect(place)) for place in places]


def _tensor_of(table: Any) -> TensorMetadata:
    files = tuple((_text(each, 0), _byte(each, 2)) for each in _tables(table, 6))
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    for unit in _tables(table, 4):
        for options in _subtables(unit, 1) if _byte(unit, 0) == NORMALIZATION else ():
            mean, std = _floats(options, 0), _floats(options, 1)
    return TensorMetadata(_text(table, 0), _text(table, 1), files, mean, std, _sample_rate(table))


def _sample_rate(table: Any) -> int:
    """Of sound, 0 for anything else."""
    for content in _subtables(table, 3):
        for properties in _subtables(content, 1) if _byte(content, 0) == SOUND else ():
            offset = _field(properties, 0)
            return int.from_bytes(properties.Bytes[properties.Pos + offset :][:4], "little") if offset else 0
    return 0


def _subtables(table: Any, number: int) -> list[Any]:
    """The table in a field; none where it is left out."""
    import flatbuffers

    offset = _field(table, number)
    return [flatbuffers.table.Table(table.Bytes, table.Indirect(table.Pos + offset))] if offset else []


def _byte(table: Any, number: int) -> int:
    offset = _field(table, number)
    return int(table.Bytes[table.Pos + offset]) if offset else 0


def _floats(table: Any, number: int) -> tuple[float, ...]:
    import struct

    offset = _field(table, number)
    if not offset:
        return ()
    begin, count = table.Vector(offset), table.VectorLen(offset)
    return struct.unpack(f"<{count}f", table.Bytes[begin : begin + 4 * count])
