"""How values read: shapes, counts, shares, and what is supported, in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .values import NO, NOT_ASKED, NOT_RUN, NOTHING_TO_DO, PARTLY, WRONG, YES, Gpu, Support

MOST_CLUSTERS = 256  # more distinct values than this are no clusters
_MOST_NAMES = 4


def shape_text(shape: Any) -> str:
    """A shape without a batch that may be any; several shapes side by side.

    >>> shape_text((None, 32, 32, 3)), shape_text((1, 10)), shape_text(((None, 4), (None, 5)))
    ('32x32x3', '1x10', '4, 5')
    """
    if shape and all(isinstance(item, tuple | list) for item in shape):
        return ", ".join(shape_text(item) for item in shape)
    return whole_shape(shape[1:] if len(shape) > 1 and shape[0] is None else shape)


def whole_shape(shape: Sequence[Any]) -> str:
    """A shape with its batch; "scalar" for none.

    >>> whole_shape((1, 32, 3)), whole_shape(())
    ('1x32x3', 'scalar')
    """
    return "x".join("?" if size is None else str(size) for size in shape) or "scalar"


def share_text(share: float | None) -> str:
    """A share in percent; a few zeros are not none, and a few missing are not all.

    >>> share_text(0.5), share_text(0.0001), share_text(0.9999), share_text(None)
    ('50.0%', '<0.1%', '>99.9%', '')
    """
    if share is None:
        return ""
    if 0 < share < 0.0005:
        return "<0.1%"
    return ">99.9%" if 0.9995 <= share < 1 else f"{share:.1%}"


def clusters_text(num_values: int | None, size: int, sparsity: float | None) -> str:
    """The number of distinct values where values besides zero repeat and are few: clusters, or the levels of int8.

    >>> clusters_text(16, 4608, 0.0), clusters_text(73, 144, 0.5), clusters_text(4000, 4608, 0.0)
    ('16', '', '')
    """
    if num_values is None or sparsity is None or num_values > MOST_CLUSTERS:
        return ""
    num_others = round(size * (1 - sparsity))
    return str(num_values) if num_values - (sparsity > 0) < num_others else ""


def count_text(count: int | None, nothing: str = "") -> str:
    """A whole number with its thousands apart; `nothing` for 0, "?" for what is not known."""
    return "?" if count is None else f"{count:,}" if count else nothing


def status_text(support: Support) -> str:
    """A status in a cell; empty where there is nothing to do."""
    return "" if support.status == NOTHING_TO_DO else support.status


def reasons(title: str, named: Iterable[tuple[str, Support]]) -> list[str]:
    """A line for each reason why something is not taken, with those it is the reason for.

    >>> reasons("QAT", [("a", Support("no", "it is an ELU")), ("b", Support("no", "it is an ELU"))])
    ['QAT no: it is an ELU (a, b)']
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for name, support in named:
        if support.status in (NO, PARTLY, WRONG) and support.reason:
            groups.setdefault((support.status, support.reason), []).append(name)
    return [f"{title} {status}: {reason} ({names_text(names)})" for (status, reason), names in groups.items()]


def names_text(names: Sequence[str]) -> str:
    """The first names, and how many more there are.

    >>> names_text(["a", "b", "c", "d", "e", "f"])
    'a, b, c, d and 2 more'
    """
    rest = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {rest} more" if rest > 0 else "")


def gpu_line(gpu: Gpu) -> str:
    """What the delegate said of the whole file, in a line."""
    if gpu.status == NOT_ASKED:
        return "GPU not asked (--gpu)"
    if gpu.status == NOT_RUN:
        return f"GPU not run: {gpu.reason}. {gpu.fix}".rstrip()
    of = f" of {gpu.asked_of}" if gpu.asked_of else ""
    if gpu.status == WRONG:
        return f"GPU wrong: it takes {gpu.asked_of}, on {gpu.device}, and {gpu.reason}. {gpu.fix}"
    if gpu.status == YES:
        difference = "" if gpu.largest_difference is None else "; largest difference from the CPU's outputs "
        figure = "" if gpu.largest_difference is None else f"{gpu.largest_difference:.1e}"
        all_of_them = "the one operation" if gpu.num_ops == 1 else f"all {gpu.num_ops} operations"
        return f"GPU takes {all_of_them}{of}, on {gpu.device}{difference}{figure}"
    if gpu.refusals:
        return f"GPU takes {gpu.num_delegated_ops} of {gpu.num_ops} operations{of}"
    return f"GPU fails on {gpu.asked_of}: {gpu.reason}"
