"""Other rates of dropout while a fit lasts: a pruned network has less to spare than the one it came from."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ..backend.tensorflow import keras


@contextlib.contextmanager
def dropout_of(model: Any, rate: float | None) -> Iterator[None]:
    """All of `model`'s Dropout layers, wrapped ones too, drop the share `rate` inside; None leaves them as they are."""
    parts = () if rate is None else model._flatten_layers()
    layers = [part for part in parts if isinstance(part, keras.layers.Dropout)]
    before = [layer.rate for layer in layers]
    try:
        for layer in layers:
            layer.rate = rate
        yield
    finally:
        for layer, own in zip(layers, before, strict=True):
            layer.rate = own
