"""What is wanted of each layer: a default, and exceptions by the layer's name or a pattern."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterable, Mapping
from typing import Any

from .errors import InvalidValue


def by_layer(names: Iterable[str], default: Any, per_layer: Mapping[str, Any], owner: str) -> dict[str, Any]:
    """The value for each layer: of the first pattern that its name matches, else `default`.

    >>> by_layer(["conv1", "conv2", "logits"], 4, {"conv*": 8}, "QuantizeKernels")
    {'conv1': 8, 'conv2': 8, 'logits': 4}

    Raises:
      InvalidValue: for a pattern that matches no layer.
    """
    names = list(names)
    for pattern in per_layer:
        if not fnmatch.filter(names, pattern):
            raise InvalidValue(
                f"{owner}.per_layer expects names or patterns of layers with kernels. Received: {pattern!r}, which "
                f"matches none. Near it: {near(pattern, names)}."
            )
    matches = {
        name: [value for pattern, value in per_layer.items() if fnmatch.fnmatch(name, pattern)] for name in names
    }
    return {name: (values or [default])[0] for name, values in matches.items()}


def near(wrong: str, names: Iterable[str]) -> str:
    """The names most like `wrong`, or the first six where none is like it.

    >>> near("conv9", ["conv1", "dense"]), near("x", ["conv1", "dense"])
    ('conv1', 'conv1, dense')
    """
    known = list(names)
    return ", ".join(difflib.get_close_matches(wrong, known, n=3) or known[:6])
