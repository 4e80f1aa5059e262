"""A budget: bounds that a file must keep, and what is to be as small as possible within them. No TensorFlow here."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from ..core.errors import InvalidValue, expect
from ..core.tasks.task import PERCENT, MetricKind, drop_allowed
from .figures import COSTS, DROP, FIGURES, Figures

POINTS = 100  # in a share
KERNELS = ("xnnpack", "builtin", "reference")
_BOUNDS = {
    "max_zipped_bytes": "zipped_bytes",
    "max_raw_bytes": "raw_bytes",
    "max_ms": "ms",
    "max_memory_bytes": "memory_bytes",
    "max_macs": "macs",
    "max_drop": DROP,
}


@dataclasses.dataclass(frozen=True)
class Budget:
    """What a compressed file may cost.

    Args:
      max_zipped_bytes: of the file as a download takes it. Defaults to None: no bound, as for all that follow.
      max_raw_bytes: of the file on a device.
      max_drop: how much worse the headline metric may be than the uncompressed model's, in its own unit (0.01 is one
        point of accuracy), or relative, as in "2%".
      max_ms: median latency of one example on `kernels` with `num_threads`.
      max_memory_bytes: peak memory of a process that runs the file, above what it had before.
      max_macs: multiply-accumulates of one example.
      minimise: what is to be as small as possible within the bounds: a name of `FIGURES`, such as "zipped_bytes" or
        "drop". Defaults to None: the drop where a cost is bounded, else the zipped bytes.
      kernels: on which latency, memory and the metric are measured: "xnnpack", "builtin" or "reference". Defaults to
        "xnnpack".
      num_threads: likewise. Defaults to 1.
      drop_in_points: whether a `max_drop` that is a number is in points, hundredths, where the metric is a share, as
        people say it: 0.5 of accuracy. Defaults to False.

    Raises:
      InvalidValue: for a budget that nothing could keep, or that asks for nothing.

    >>> Budget(max_zipped_bytes=12_000, max_drop=0.01).objective
    'drop'
    >>> Budget(max_drop="1%").objective
    'zipped_bytes'
    """

    max_zipped_bytes: float | None = None
    max_raw_bytes: float | None = None
    max_drop: float | str | None = None
    max_ms: float | None = None
    max_memory_bytes: float | None = None
    max_macs: float | None = None
    minimise: str | None = None
    kernels: str = "xnnpack"
    num_threads: int = 1
    drop_in_points: bool = False

    def __post_init__(self) -> None:
        for field, figure in _BOUNDS.items():
            value = getattr(self, field)
            if figure == DROP:
                expect(
                    _is_drop(value), self, field, 'must be at least 0, or relative, as in "2%"', 'Use 0.01, or "2%".'
                )
            elif value is not None:
                right = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf
                expect(right, self, field, "must be above 0", "Use a number above 0, or leave it out.")
        known = self.minimise is None or self.minimise in FIGURES
        expect(known, self, "minimise", f"must be one of {', '.join(FIGURES)}", "Use zipped_bytes.")
        expect(self.kernels in KERNELS, self, "kernels", f"must be one of {', '.join(KERNELS)}", "Use xnnpack.")
        whole = isinstance(self.num_threads, int) and self.num_threads >= 1
        expect(whole, self, "num_threads", "must be 1 or more", "Use 1.")
        if not self.bounded and self.minimise is None:
            raise InvalidValue(
                "A budget must bound something, or say what is to be as small as possible. Received: neither. Give a "
                'bound, such as max_zipped_bytes=40_000 or max_drop=0.01, or minimise="zipped_bytes".'
            )
        raw, zipped = self.max_raw_bytes, self.max_zipped_bytes
        if raw is not None and zipped is not None and raw < zipped:
            # A zipped file is never larger than the file and a few bytes, so the other bound says nothing.
            raise InvalidValue(
                f"Budget.max_zipped_bytes must be at most max_raw_bytes, {raw:,.0f}, as a file is not larger zipped. "
                f"Received: {zipped:,.0f}. Leave it out, or swap the two."
            )

    @property
    def bounded(self) -> tuple[str, ...]:
        """The figures that have a bound."""
        return tuple(figure for field, figure in _BOUNDS.items() if getattr(self, field) is not None)

    @property
    def objective(self) -> str:
        """The figure that is to be as small as possible within the bounds."""
        if self.minimise is not None:
            return self.minimise
        return DROP if any(figure in COSTS for figure in self.bounded) else "zipped_bytes"

    @property
    def compared(self) -> tuple[str, ...]:
        """The figures by which the Pareto set is found: the drop, and every cost that the budget names, or bytes."""
        costs = [name for name in COSTS if name in self.bounded or name == self.objective]
        return (*(costs or ["zipped_bytes"]), DROP)

    def bounds(self, reference: float, kind: MetricKind | None = None) -> dict[str, float]:
        """The bound of each bounded figure, where the uncompressed model's headline metric, of `kind`, is `reference`.

        >>> Budget(max_drop=0.5, drop_in_points=True).bounds(0.97, MetricKind("accuracy", "%"))
        {'drop': 0.005}
        """
        found = {}
        for field, figure in _BOUNDS.items():
            value = getattr(self, field)
            if value is not None:
                found[figure] = self._drop(value, reference, kind) if figure == DROP else float(value)
        return found

    def _drop(self, value: float | str, reference: float, kind: MetricKind | None) -> float:
        in_points = self.drop_in_points and not isinstance(value, str) and kind is not None and kind.unit == PERCENT
        return drop_allowed(value, reference) / (POINTS if in_points else 1)

    def excess(self, figures: Figures, bounds: Mapping[str, float]) -> dict[str, float]:
        """By how much each bound is exceeded, as a share of it; 0 or less where it is kept.

        >>> Budget(max_ms=2.0).excess({"ms": 3.0}, {"ms": 2.0})
        {'ms': 0.5}
        """
        return {name: _excess(figures.get(name), bound) for name, bound in bounds.items()}

    def keeps(self, figures: Figures, bounds: Mapping[str, float]) -> bool:
        """Whether every bound is kept."""
        return all(excess <= 0 for excess in self.excess(figures, bounds).values())

    def score(self, figures: Figures, bounds: Mapping[str, float]) -> float:
        """One number for oracles that know one, the smaller the better: within the bounds the objective, in (-1, 1);
        beyond them 1 and the sum of the excesses.

        >>> budget = Budget(max_zipped_bytes=100)
        >>> keeps, exceeds = ({"zipped_bytes": size, "drop": 0.0} for size in (99, 101))
        >>> bounds = budget.bounds(0.9)
        >>> budget.score(keeps, bounds) < 1 < budget.score(exceeds, bounds)
        True
        """
        beyond = sum(max(0.0, excess) for excess in self.excess(figures, bounds).values())
        if beyond > 0:
            return 1 + beyond
        value = figures.get(self.objective, math.inf)
        scale = bounds.get(self.objective) or (0.1 if self.objective == DROP else 1e5)
        return 2 / math.pi * math.atan(value / scale)


def _excess(value: float | None, bound: float) -> float:
    if value is None:  # what was not measured keeps no bound
        return math.inf
    return (value - bound) / bound if bound > 0 else (value - bound) * 100


def _is_drop(value: Any) -> bool:
    if isinstance(value, str):
        return value.endswith("%") and value[:-1].strip().replace(".", "", 1).isdigit()
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf)
