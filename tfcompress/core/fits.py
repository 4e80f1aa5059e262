"""What a way of fitting has inside: a distilled fit, and the runner's, wrap another one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .types import Data


def layers_of_fit(fit: Any) -> Iterator[Any]:
    """`fit`, the fit that it wraps, and so on."""
    while fit is not None:
        yield fit
        fit = getattr(fit, "fit", None)


def data_in(fit: Any) -> Data | None:
    """What `fit`, or a fit inside of it, trains on; None when none says.

    >>> from types import SimpleNamespace
    >>> data_in(SimpleNamespace(fit=SimpleNamespace(fit=SimpleNamespace(data="examples"))))
    'examples'
    """
    found = (getattr(each, "data", None) for each in layers_of_fit(fit))
    return next((data for data in found if data is not None), None)
