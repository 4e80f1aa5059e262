"""F1 of slots: a slot counts as found when all of its words, and its name, are right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def slot_f1(targets: np.ndarray, outputs: np.ndarray, tags: Sequence[str]) -> float:
    """2 P R / (P + R) over the slots of all sentences, as the CoNLL evaluation counts them.

    Args:
      targets: classes of the words, (N, length); 0 is padding.
      outputs: (N, length, len(tags)), of which the largest names the class.
      tags: the names of the classes, "B-name", "I-name" and "O"; the first is padding's.

    >>> import numpy as np
    >>> tags = ("<PAD>", "B-day", "I-day", "O")
    >>> wanted = np.array([[3, 1, 2, 0]])
    >>> slot_f1(wanted, np.eye(4)[[[3, 1, 2, 3]]], tags), slot_f1(wanted, np.eye(4)[[[3, 1, 3, 3]]], tags)
    (1.0, 0.0)
    """
    right = given = asked = 0
    classes = outputs.argmax(-1)
    for wanted, found in zip(targets, classes, strict=True):
        length = int((wanted != 0).sum())
        of_targets = set(spans([tags[number] for number in wanted[:length]]))
        of_outputs = set(spans([tags[number] for number in found[:length]]))
        right += len(of_targets & of_outputs)
        given += len(of_outputs)
        asked += len(of_targets)
    return 2 * right / (given + asked) if given + asked else 1.0


def spans(tags: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """(name, begin, end) of each slot; an I that follows nothing of its name begins one.

    >>> list(spans(["O", "B-day", "I-day", "B-day", "I-city"]))
    [('day', 1, 3), ('day', 3, 4), ('city', 4, 5)]
    """
    name, begin = "", 0
    for place, tag in enumerate([*tags, "O"]):
        kind, _, slot = tag.partition("-")
        if name and not (kind == "I" and slot == name):
            yield name, begin, place
            name = ""
        if not name and kind in ("B", "I"):
            name, begin = slot, place
