"""Notes inside a .tflite: metadata of TensorFlow Lite's schema, our own as JSON, and labels and words in an archive."""

from __future__ import annotations

import dataclasses
import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

from ...core.examples.notes import Notes, TensorNotes
from ..tflite import IDENTIFIER, look_at, positions
from .schema import LABELS_FILE, VOCABULARY_FILE, ModelMetadata, TensorMetadata, packed, unpacked

STANDARD, OURS = "TFLITE_METADATA", "tfcompress"  # the names of the buffers
FORMAT = 1
_EPOCH = (1980, 1, 1, 0, 0, 0)  # of all files in the archive: the same notes are the same bytes


@dataclasses.dataclass(frozen=True)
class FileNotes:
    """What a file says of itself: a name, what it is, who made it, and the notes of its inputs and outputs."""

    name: str
    description: str
    version: str  # of tfcompress
    recipe: str = ""
    recipe_sha256: str = ""  # of the recipe's name and settings
    notes: Notes = Notes()


def with_notes(content: bytes, about: FileNotes) -> bytes:
    """A .tflite that says what `about` does, and computes what it did: only metadata and an archive are added."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(bytearray(content)))
    names = positions(model)
    files: dict[str, str] = {}
    ends = []
    for which, of in zip(names, (about.notes.of_input, about.notes.of_output), strict=True):
        ends.append(tuple(_tensor(name, of(name), files, len(which) == 1) for name in which))
    standard = packed(ModelMetadata(about.name, about.description, about.version, *ends))
    ours = {
        "format": FORMAT,
        "version": about.version,
        "recipe": about.recipe,
        "recipe_sha256": about.recipe_sha256,
        "inputs": {name: dict(about.notes.of_input(name).settings) for name in names[0]},
        "outputs": {name: dict(about.notes.of_output(name).settings) for name in names[1]},
    }
    entries = {STANDARD: standard, OURS: json.dumps(ours, sort_keys=True).encode()}
    model.metadata = [each for each in model.metadata or () if _text(each.name) not in entries]
    for name, data in entries.items():
        buffer = schema.BufferT()
        buffer.data = list(data)
        model.buffers.append(buffer)
        entry = schema.MetadataT()
        entry.name, entry.buffer = name, len(model.buffers) - 1
        model.metadata.append(entry)
    builder = flatbuffers.Builder(len(content) + 4096)
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output()) + _archive(files)


def notes_in(content: bytes) -> FileNotes | None:
    """What a .tflite says of itself; None where it says nothing by TensorFlow Lite's schema.

    Raises:
      UnreadableFile: for what is no whole file, or whose metadata is damaged.
    """
    return look_at(content, "the file", lambda model: notes_of_model(model, content))


def labels_file(output: str, alone: bool) -> str:
    """The name in the archive of the names of an output's classes; `alone`: the file has one output.

    >>> labels_file("logits", alone=True), labels_file("intent", alone=False)
    ('labels.txt', 'intent_labels.txt')
    """
    return "labels.txt" if alone else f"{output}_labels.txt"


def vocabulary_file(input: str, alone: bool) -> str:
    """Likewise of an input's words."""
    return "vocabulary.txt" if alone else f"{input}_vocabulary.txt"


def notes_of_model(model: Any, content: bytes) -> FileNotes | None:
    """What an unpacked .tflite, and the archive behind it, say. Raises `ValueError` and the like for damaged ones."""
    data = {_text(each.name): model.buffers[each.buffer].data for each in model.metadata or ()}
    buffers = {name: b"" if content is None else bytes(bytearray(content)) for name, content in data.items()}
    if STANDARD not in buffers:
        return None
    found = unpacked(buffers[STANDARD])
    ours: dict[str, Any] = json.loads(buffers[OURS]) if OURS in buffers else {}
    files = _files(content)
    inputs, outputs = (
        {each.name: _tensor_notes(each, files, ours.get(which, {}).get(each.name, {})) for each in ends}
        for which, ends in (("inputs", found.inputs), ("outputs", found.outputs))
    )
    recipe, digest = (str(ours.get(key, "")) for key in ("recipe", "recipe_sha256"))
    return FileNotes(found.name, found.description, found.version, recipe, digest, Notes(inputs, outputs))


def _tensor(name: str, notes: TensorNotes, files: dict[str, str], alone: bool) -> TensorMetadata:
    """The metadata of a tensor; the files that it names are put into `files`."""
    named = []
    for kind, file, lines in (
        (LABELS_FILE, labels_file(name, alone), notes.labels),
        (VOCABULARY_FILE, vocabulary_file(name, alone), notes.vocabulary),
    ):
        if lines:
            files[file] = "".join(f"{line}\n" for line in lines)
            named.append((file, kind))
    mean, std = notes.scaling or ((), ())
    return TensorMetadata(name, notes.meaning, tuple(named), tuple(mean), tuple(std), notes.sample_rate)


def _tensor_notes(tensor: TensorMetadata, files: Mapping[str, str], settings: Mapping[str, Any]) -> TensorNotes:
    lines = {kind: tuple(files.get(name, "").splitlines()) for name, kind in tensor.files}
    scaling = (tensor.mean, tensor.std) if tensor.mean else None
    labels, vocabulary = lines.get(LABELS_FILE, ()), lines.get(VOCABULARY_FILE, ())
    return TensorNotes(tensor.description, labels, vocabulary, scaling, tensor.sample_rate, settings)


def _archive(files: Mapping[str, str]) -> bytes:
    """The files as a ZIP archive, which readers find from its end, so that it may stand behind the model."""
    if not files:
        return b""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), text, zipfile.ZIP_DEFLATED, 9)
    return stream.getvalue()


def _files(content: bytes) -> dict[str, str]:
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return {}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {name: archive.read(name).decode("utf-8") for name in archive.namelist()}
    except (zipfile.BadZipFile, UnicodeDecodeError) as error:
        raise ValueError(f"its archive of labels is damaged: {error}") from error


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name
