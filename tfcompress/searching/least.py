"""The least bytes that a recipe's file could have, computed of its untrained model, before anything is trained.

Zipped, an entropy: a kernel of n weights of which a share s is zero needs n H(s) bits to say where the zeros are, and
some bits for each other weight. Trained int8 weights have 5 to 7 bits of entropy, and clusters log2 k at most; what is
counted here is less, so that a budget below it is one that nobody has seen kept.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ..core.errors import ImpossibleBudget, TfcompressError
from ..core.settings import Settings
from ..core.types import CHANNELS, CLUSTERS, LEVELS, SPARSITY, Exporter, Promise, Recipe, Stage
from ..measuring.measure import kernels
from .figures import text_of
from .scored import last_exported, stages_for
from .space import Space

RAW_BITS = {"float32": 32, "float16": 16, "dynamic_range": 8, "int8": 8, "int16x8": 8}  # of a weight, by mode
ZIPPED_BITS = {"float32": 16, "float16": 8, "dynamic_range": 4, "int8": 4, "int16x8": 4}  # of one that is no zero
FEWEST_BITS = 2  # where a file has fewer than 8
KNOWN_SHARE = 0.01  # a promise of fewer channels says that nobody knows yet how many


@dataclasses.dataclass(frozen=True)
class Least:
    """The least bytes, and the settings that they are of."""

    raw_bytes: float
    zipped_bytes: float
    settings: Mapping[str, Any]


def least_bytes(space: Space, make: Callable[[Settings], Recipe]) -> Least:
    """The least bytes over the ends of all ranges: one setting after another, then two at a time.

    Two, as one may be without effect alone: four bits say nothing while int8's rounding is trained. What a technique
    refuses, such as a share of which no channel comes, makes no file, and is left out; its trial will say why.

    Args:
      space: what is searched.
      make: gives the recipe of settings.
    """
    known = _Known(make, space)
    best = known.least(space.start)
    without_effect: list[dict[str, Any]] = []
    for change in _changes(space):
        least = known.least_if_any({**best.settings, **change})
        if least.zipped_bytes < best.zipped_bytes:
            best = least
        elif least.zipped_bytes == best.zipped_bytes:
            without_effect.append(change)
    for one, other in itertools.combinations(without_effect, 2):
        if one.keys() != other.keys():
            best = min(best, known.least_if_any({**best.settings, **one, **other}), key=lambda each: each.zipped_bytes)
    return best


def _changes(space: Space) -> Iterator[dict[str, Any]]:
    return ({name: value} for name, found in space.ranges.items() for value in found.ends)


def require_possible(least: Least, bounds: Mapping[str, float]) -> None:
    """Raises `ImpossibleBudget` where a bound is below the least bytes."""
    for figure, size in (("zipped_bytes", least.zipped_bytes), ("raw_bytes", least.raw_bytes)):
        bound = bounds.get(figure)
        if bound is not None and bound < size:
            settings = ", ".join(f"{name}={value}" for name, value in least.settings.items())
            raise ImpossibleBudget(
                f"Budget.max_{figure} must be at least {text_of(figure, math.ceil(size))}: no smaller file can come of "
                f"this space (computed at {settings}). Received: {text_of(figure, bound)}. Raise it, or search a "
                "smaller model, with more sparsity or fewer channels."
            )


class _Known:
    """What was computed of recipes: settings of training change no size, and a technique promises the same again."""

    def __init__(self, make: Callable[[Settings], Recipe], space: Space):
        self.make, self.space = make, space
        self.models: dict[str, Any] = {}
        self.promises: dict[str, tuple[Promise, ...]] = {}
        self.found: dict[str, Least] = {}

    def least(self, chosen: Mapping[str, Any]) -> Least:
        """The least bytes of a choice."""
        recipe = self.make(self.space.settings(chosen))
        name = last_exported(recipe)
        chain = _chain(recipe, name)
        key = repr(([stage.technique for stage in chain], recipe.exports[name], chain[0].start))
        if key not in self.found:
            self.found[key] = self._computed(chain, recipe.exports[name])
        return dataclasses.replace(self.found[key], settings=dict(chosen))

    def least_if_any(self, chosen: Mapping[str, Any]) -> Least:
        """Likewise; without end where the choice makes none."""
        try:
            return self.least(chosen)
        except TfcompressError:
            return Least(math.inf, math.inf, dict(chosen))

    def _computed(self, chain: Sequence[Stage], exporters: Sequence[Exporter]) -> Least:
        start = repr(chain[0].start)
        if start not in self.models:
            build: Any = chain[0].start
            self.models[start] = build()
        model = self.models[start]
        sizes = {kernel: float(values.size) for kernel, values in kernels(model).items()}
        zeros, values = dict.fromkeys(sizes, 0.0), dict.fromkeys(sizes, math.inf)
        for stage in chain:
            asked = f"{start} {stage.technique!r}"
            if asked not in self.promises:
                self.promises[asked] = stage.technique.promises(model)
            for promise in self.promises[asked]:
                _count(promise, sizes, zeros, values)
        found = [_bytes(exporter.mode, sizes, zeros, values) for exporter in exporters]
        return Least(min(raw for raw, _ in found), min(zipped for _, zipped in found), {})


def _chain(recipe: Recipe, name: str) -> list[Stage]:
    """The stages that a stage begins from, and itself; teachers are none of them."""
    by_name = {stage.name: stage for stage in stages_for(recipe, name)}
    names = list(by_name)
    found = [by_name[name]]
    while not callable(found[0].start):
        start = found[0].start
        found.insert(0, by_name[start if isinstance(start, str) else names[names.index(found[0].name) - 1]])
    return found


def _count(promise: Promise, sizes: dict[str, float], zeros: dict[str, float], values: dict[str, float]) -> None:
    named = [kernel for kernel in promise.kernels if kernel in sizes]
    if promise.kind == CHANNELS:
        left = 1 - promise.at_least if promise.at_least > KNOWN_SHARE else 0.0
        for kernel in named:
            sizes[kernel] *= left
    elif promise.kind == SPARSITY:
        for kernel in named:
            zeros[kernel] = max(zeros[kernel], promise.at_least)
    elif promise.kind in (CLUSTERS, LEVELS):
        for kernel in named:
            values[kernel] = min(values[kernel], promise.at_most)


def _bytes(
    mode: str, sizes: Mapping[str, float], zeros: Mapping[str, float], values: Mapping[str, float]
) -> tuple[float, float]:
    raw = zipped = 0.0
    for kernel, size in sizes.items():
        share = zeros[kernel]
        few = math.log2(values[kernel]) / 2 if values[kernel] < math.inf else math.inf
        bits = min(ZIPPED_BITS.get(mode, FEWEST_BITS), max(1.0, few))
        raw += size * RAW_BITS.get(mode, FEWEST_BITS)
        zipped += size * (sum(_entropy(share)) + (1 - share) * bits)
    return raw / 8, zipped / 8


def _entropy(share: float) -> Iterator[float]:
    """The two terms of H(s) = -s log2 s - (1 - s) log2(1 - s).

    >>> sum(_entropy(0.5)), sum(_entropy(1.0))
    (1.0, 0)
    """
    return (-part * math.log2(part) for part in (share, 1 - share) if 0 < part < 1)
