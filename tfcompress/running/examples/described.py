"""What an input is to somebody who looks at it: an image, a recording, a text, a series, or numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...core.examples.notes import TensorNotes

if TYPE_CHECKING:
    import numpy as np

PICTURE, RECORDING, TEXT, SERIES, NUMBERS = "picture", "recording", "text", "series", "numbers"
LEAST_PIXELS = 4  # on each side of what is drawn as an image
SPECTROGRAM = "log_mel"  # a setting of the notes of an input that is made of a recording
PADDING = 0


def describe_input(name: str, values: np.ndarray, notes: TensorNotes) -> dict[str, Any]:
    """What an input is, by what the data notes of it, else by its shape.

    Args:
      name: of the input.
      values: examples as they are stored, (N, ...).
      notes: what the data says of it.

    >>> import numpy as np
    >>> describe_input("image", np.zeros((2, 8, 8, 1), "uint8"), TensorNotes(""))["kind"]
    'picture'
    """
    described: dict[str, Any] = {"name": name, "shape": list(values.shape[1:]), "meaning": notes.meaning}
    settings = notes.settings.get(SPECTROGRAM)
    if isinstance(settings, Mapping):
        return {**described, "kind": RECORDING, "sample_rate": int(settings["sample_rate"]), "is_spectrogram": True}
    if notes.sample_rate:
        return {**described, "kind": RECORDING, "sample_rate": notes.sample_rate, "is_spectrogram": False}
    if notes.vocabulary:
        return {**described, "kind": TEXT}
    return {**described, "kind": _kind_by_shape(values.shape[1:], values.dtype.kind)}


def _kind_by_shape(shape: Sequence[int], letter: str) -> str:
    """By the shape of one example and the kind of its numbers.

    >>> [_kind_by_shape(*each) for each in (((32, 32, 3), "f"), ((48, 2), "f"), ((30,), "i"), ((61, 40, 7), "f"))]
    ['picture', 'series', 'numbers', 'numbers']
    """
    if len(shape) == 3 and shape[-1] in (1, 3, 4) and min(shape[:2]) >= LEAST_PIXELS:
        return PICTURE
    is_series = letter == "f" and shape and math.prod(shape[:1]) >= LEAST_PIXELS
    return SERIES if is_series and len(shape) <= 2 else NUMBERS


def texts_of(values: np.ndarray, vocabulary: Sequence[str]) -> list[str]:
    """The words whose numbers a text input holds, (N, length): padding left out, a word that is none as [?].

    >>> import numpy as np
    >>> texts_of(np.array([[2, 1, 0, 0]]), ("<PAD>", "<UNKNOWN>", "play"))
    ['play [?]']
    """
    rows = values.reshape(len(values), -1).astype(int).tolist()
    words = ["[?]" if word.startswith("<") and word.endswith(">") else word for word in vocabulary]
    return [" ".join(words[n] if 0 <= n < len(words) else f"#{n}" for n in row if n != PADDING) for row in rows]
