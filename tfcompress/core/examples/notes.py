"""What an app must know of a model beside the file: what inputs and outputs mean, names of classes, a vocabulary."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class TensorNotes:
    """Of one input or output.

    Args:
      meaning: in a sentence.
      labels: the names of the classes that the last axis stands for. Defaults to none.
      vocabulary: the words whose numbers an input holds, one a number. Defaults to none.
      scaling: for inputs that are numbers: (mean, deviation), so that the model sees (x - mean) / deviation; one
        number each, or one for each of the last axis. Defaults to None: x as it is.
      sample_rate: of an input that is sound of one channel, in Hz; 0 for anything else. Defaults to 0.
      settings: what else an app needs to make the input, by name: plain values.
    """

    meaning: str
    labels: tuple[str, ...] = ()
    vocabulary: tuple[str, ...] = ()
    scaling: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    sample_rate: int = 0
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Notes:
    """Of all inputs and outputs by their names; the name "" stands for the only one.

    >>> notes = Notes({"": TensorNotes("pixels")}, {"": TensorNotes("logits", labels=("cat", "dog"))})
    >>> notes.of_output("logits").labels, notes.of_input("image").meaning
    (('cat', 'dog'), 'pixels')
    """

    inputs: Mapping[str, TensorNotes] = dataclasses.field(default_factory=dict)
    outputs: Mapping[str, TensorNotes] = dataclasses.field(default_factory=dict)

    def of_input(self, name: str) -> TensorNotes:
        """Of the input of this name."""
        return _of(self.inputs, name)

    def of_output(self, name: str) -> TensorNotes:
        """Of the output of this name."""
        return _of(self.outputs, name)


def _of(notes: Mapping[str, TensorNotes], name: str) -> TensorNotes:
    return notes.get(name) or notes.get("") or TensorNotes("")
