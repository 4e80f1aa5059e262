"""Names that were meant, for the message about one that there is not."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def near(wrong: str, names: Iterable[str]) -> str:
    """The names most like `wrong`, or the first six where none is like it.

    >>> near("conv9", ["conv1", "dense"]), near("x", ["conv1", "dense"])
    ('conv1', 'conv1, dense')
    """
    known = list(names)
    return ", ".join(difflib.get_close_matches(wrong, known, n=3) or known[:6])
