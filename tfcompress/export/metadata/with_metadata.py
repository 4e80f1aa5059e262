"""Files that say what they are: names of classes, words, scaling, who made them; and a page of lines to run them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from ...core.contracts import DataWithNotes, DataWithSounds
from ...core.describe import describe
from ...core.errors import expect
from ...core.examples.notes import Notes, TensorNotes
from ...core.types import Artifact, Data, Exporter
from ...measuring.notes.in_file import FileNotes, with_notes
from ...measuring.tflite import zipped_bytes
from .usage import readme


@dataclasses.dataclass(frozen=True)
class WithMetadata:
    """Writes the file of another exporter with metadata in it, and NAME.md beside it with lines that run it.

    The metadata are in TensorFlow Lite's own schema, which Android's and iOS's task libraries read: what inputs and
    outputs mean, how inputs are scaled, names of classes and a vocabulary; `tfcompress inspect` shows them. What the
    file computes stays as it is.

    Args:
      exporter: what writes the file: `Int8()`, say.
      recipe: the name of the recipe, for the file. Defaults to "".
      settings: of the recipe; a hash of both is in the file. Defaults to None.
      from_sound: whether NAME-from-sound.tflite is written too, for data with `LogMel`: it takes a clip of sound, makes
        the spectrogram in float32, and goes on as NAME.tflite. Defaults to False.

    Raises:
      InvalidValue: for `from_sound` with data that are no sound; when a file is written.

    Example:

    >>> import tfcompress as tfc
    >>> WithMetadata(tfc.Int8(), "keyword_spotting").mode
    'int8'
    """

    exporter: Exporter
    recipe: str = ""
    settings: Any = None
    from_sound: bool = False

    @property
    def mode(self) -> str:
        """That of the other exporter."""
        return self.exporter.mode

    def convert(self, model: Any, data: Any, path: str | Path) -> Artifact:
        """Writes `path` and what belongs beside it. Raises what the other exporter raises."""
        path = Path(path)
        sounds = self.from_sound and isinstance(data, DataWithSounds)
        expect(sounds == self.from_sound, self, "from_sound", "is for data with clips of sound", "Use False.")
        artifact = self.exporter.convert(model, data, path)
        about = self._about(model, data, path.stem)
        if artifact.is_raw:
            about = dataclasses.replace(about, notes=raw(about.notes))
        plain = path.read_bytes()
        content = with_notes(plain, about)
        beside: list[Path] = []
        if self.from_sound:
            from ..sounds.from_sound import write_from_sound

            beside.append(path.with_name(f"{path.stem}-from-sound.tflite"))
            of_sound = write_from_sound(plain, data, beside[0])
            _write(beside[0], with_notes(of_sound, _hearing(about, data.features)))
        _write(path, content)
        page = readme(path.name, content, about, [each.name for each in beside], artifact.needs_reset)
        beside.append(path.with_suffix(".md"))
        _write(beside[-1], page.encode())
        return dataclasses.replace(
            artifact,
            beside=tuple(each.name for each in beside),
            raw_bytes=len(content),
            zipped_bytes=zipped_bytes(content),
            sha256=hashlib.sha256(content).hexdigest(),
        )

    def _about(self, model: Any, data: Data, name: str) -> FileNotes:
        from ... import __version__

        made_from = {"recipe": self.recipe, "settings": describe(self.settings)}
        digest = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()
        description = f"{model.name} on {data.title}, {self.mode}"
        return FileNotes(name, description, __version__, self.recipe, digest, notes_of(data))


def notes_of(data: Any) -> Notes:
    """What data says of the inputs and outputs of a model; of data that says nothing, names of classes and scaling.

    >>> import tfcompress as tfc
    >>> notes_of(tfc.Digits()).of_input("image").scaling
    ((0.0,), (16.0,))
    """
    if isinstance(data, DataWithNotes):
        return data.notes()
    scale, offset = getattr(data, "scale", 1.0), getattr(data, "offset", 0.0)
    scales = scale if isinstance(scale, tuple) else (scale,)
    offsets = offset if isinstance(offset, tuple) else (offset,)
    # The schema has (x - mean) / std where data has x * scale + offset.
    scales = scales * len(offsets) if len(scales) == 1 else scales
    offsets = offsets * len(scales) if len(offsets) == 1 else offsets
    mean = tuple(0.0 if b == 0 else -b / a for a, b in zip(scales, offsets, strict=True))
    scaling = None if scale == 1.0 and offset == 0.0 else (mean, tuple(1 / a for a in scales))
    labels = tuple(getattr(data, "class_names", ()))
    return Notes({"": TensorNotes(data.title, scaling=scaling)}, {"": TensorNotes("outputs", labels)})


def raw(notes: Notes) -> Notes:
    """The same of a file that takes inputs as they are stored.

    >>> raw(Notes({"": TensorNotes("photos", scaling=((0.0,), (255.0,)))}, {})).of_input("x").meaning
    'photos, as stored: the file scales them itself'
    """
    words = "as stored: the file scales them itself"
    inputs = {
        name: dataclasses.replace(each, scaling=None, meaning=f"{each.meaning}, {words}")
        for name, each in notes.inputs.items()
    }
    return dataclasses.replace(notes, inputs=inputs)


def _hearing(about: FileNotes, features: Any) -> FileNotes:
    """The same of the file that takes sound."""
    meaning = f"{features.num_samples:,} samples in [-1, 1] at {features.sample_rate:,} Hz"
    sound = TensorNotes(meaning, sample_rate=features.sample_rate)
    notes = dataclasses.replace(about.notes, inputs={"": sound})
    return dataclasses.replace(about, name=f"{about.name}-from-sound", notes=notes)


def _write(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all."""
    partial = path.with_name(f".partial-{path.name}")
    try:
        partial.write_bytes(content)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
