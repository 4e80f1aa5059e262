"""Sentences about a model that go with it from the technique that made it to the report."""

from __future__ import annotations

from typing import Any

_NAME = "_tfcompress_remarks"


def remark(model: Any, sentence: str) -> None:
    """Adds a sentence to what is to be said about `model`.

    >>> from types import SimpleNamespace
    >>> model = SimpleNamespace()
    >>> remark(model, "It is small.")
    >>> remarks_of(model)
    ('It is small.',)
    """
    object.__setattr__(model, _NAME, (*remarks_of(model), sentence))  # Keras would track a tuple as its own


def remarks_of(model: Any) -> tuple[str, ...]:
    """What was said about `model`, in order."""
    return getattr(model, _NAME, ())
