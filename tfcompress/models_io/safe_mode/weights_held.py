"""A model gets no more weights than its file holds: whoever reads the file is asked before each is made.

A file of 53 kB may describe ten layers that each look small, and whose kernels, products of two sizes, take 11 GB each.
"""

from __future__ import annotations

import contextlib
import inspect
import math
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ...backend.tensorflow import keras
from ...core.errors import UnreadableModel
from ...layers.twins import keras3

# What is kept with fewer bits than it is computed with, and layers that are made twice while a file is read.
MAX_EXPANSION, ALWAYS_ALLOWED_BYTES = 4, 64 << 20
_ONE_AT_A_TIME = threading.RLock()


@contextlib.contextmanager
def weights_within(num_bytes: int, path: Path) -> Iterator[None]:
    """While the block lasts, layers of either Keras make weights of at most four times `num_bytes`, and 64 MiB.

    Args:
      num_bytes: of weights, that the file holds.
      path: of the file.

    Raises:
      UnreadableModel: names the layer whose weight would be one too many, before it is made.

    >>> with weights_within(100, Path("model.keras")):
    ...     keras.layers.Dense(5000).build((None, 5000))
    Traceback (most recent call last):
    ...
    tfcompress.core.errors.UnreadableModel: load_model.path must hold the weights of its layers. Received: ...
    """
    left = [max(ALWAYS_ALLOWED_BYTES, MAX_EXPANSION * num_bytes)]
    owner = threading.get_ident()

    def asked(layer: Any, shape: Any, dtype: Any) -> None:
        if threading.get_ident() != owner:
            return
        left[0] -= math.prod(int(length) for length in shape or ()) * _item_bytes(dtype)
        if left[0] < 0:
            raise UnreadableModel(
                f"load_model.path must hold the weights of its layers. Received: {path}, which holds {num_bytes:,} "
                f"bytes of weights, and describes one of shape {tuple(shape)} in layer {layer.name!r}. Save the "
                "file again."
            )

    with _ONE_AT_A_TIME, contextlib.ExitStack() as stack:
        for kind in (keras.layers.Layer, keras3().layers.Layer):
            stack.enter_context(_asking(kind, asked))
        yield


@contextlib.contextmanager
def _asking(kind: Any, asked: Callable[[Any, Any, Any], None]) -> Iterator[None]:
    """While the block lasts, a class of layers asks before it makes a weight."""
    original = kind.add_weight
    signature = inspect.signature(original)

    def add_weight(self: Any, *args: Any, **kwargs: Any) -> Any:
        given = signature.bind(self, *args, **kwargs).arguments
        asked(self, given.get("shape"), given.get("dtype"))
        return original(self, *args, **kwargs)

    kind.add_weight = add_weight
    try:
        yield
    finally:
        kind.add_weight = original


def _item_bytes(dtype: Any) -> int:
    """Of one number of a weight; float32 where nothing is said, as Keras has it."""
    name = getattr(dtype, "name", dtype) or "float32"
    return 8 if "64" in str(name) else 2 if "16" in str(name) else 1 if "8" in str(name) else 4
