"""What a search may try: a range beside each setting of a recipe. Nothing here imports TensorFlow."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from ..core.errors import InvalidRecipe, InvalidValue, expect
from ..core.settings import Settings

FIGURES = 3  # significant ones of a number that is proposed, so that a found recipe reads as one written by hand


@dataclasses.dataclass(frozen=True)
class Between:
    """Numbers from `low` to `high`, both included; whole ones where both are whole numbers.

    Args:
      low: the least.
      high: the largest, above `low`.
      log: whether numbers are spread by their logarithm, for what is multiplied, such as a learning rate; `low` must
        then be above 0. Defaults to False.

    Raises:
      InvalidValue: for a value out of range.

    >>> Between(0.3, 0.9).is_whole, Between(4, 64, log=True).is_whole
    (False, True)
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        numbers = all(isinstance(end, int | float) and not isinstance(end, bool) for end in (self.low, self.high))
        finite = numbers and all(map(math.isfinite, (self.low, self.high)))
        expect(finite, self, "low", "and high must be numbers", "Use between(0.3, 0.9).")
        expect(self.low < self.high, self, "high", f"must be above low, {self.low}", "Swap them.")
        expect(not self.log or self.low > 0, self, "low", "must be above 0 where log=True", "Raise it.")

    @property
    def is_whole(self) -> bool:
        """Whether only whole numbers are meant."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def num_points(self) -> int | None:
        """How many different values there are; None for numbers that need not be whole."""
        return int(self.high) - int(self.low) + 1 if self.is_whole else None

    @property
    def ends(self) -> tuple[float, float]:
        """The least and the largest."""
        return self.low, self.high

    def at(self, share: float) -> float:
        """The value at a share in [0, 1] of the range.

        >>> Between(1, 100, log=True).at(0.5), Between(0.2, 0.4).at(0.333)
        (10, 0.267)
        """
        if self.log:
            value = math.exp(math.log(self.low) + share * (math.log(self.high) - math.log(self.low)))
        else:
            value = self.low + share * (self.high - self.low)
        return self.plain(value)

    def share(self, value: float) -> float:
        """Where in the range a value lies, in [0, 1]."""
        low, high, at = map(math.log, (self.low, self.high, value)) if self.log else (self.low, self.high, value)
        return min(1.0, max(0.0, (at - low) / (high - low)))

    def plain(self, value: float) -> float:
        """A value as it is tried: whole, or of three significant figures, and inside of the range."""
        rounded = round(value) if self.is_whole else float(f"{value:.{FIGURES}g}")
        return min(self.high, max(self.low, rounded))

    def holds(self, value: Any) -> bool:
        """Whether a value lies in the range."""
        return isinstance(value, int | float) and not isinstance(value, bool) and self.low <= value <= self.high


@dataclasses.dataclass(frozen=True)
class OneOf:
    """Any of `options`, which have no order: numbers, texts, True and False, None.

    >>> OneOf((8, 16, None)).num_points
    3
    """

    options: tuple[Any, ...]

    def __post_init__(self) -> None:
        plain = all(each is None or isinstance(each, bool | int | float | str) for each in self.options)
        expect(plain, self, "options", "must be numbers, texts, True, False or None", "Use one_of(8, 16, None).")
        different = len({json.dumps(each) for each in self.options}) == len(self.options) >= 2
        expect(different, self, "options", "must be two or more, all different", "Use one_of(False, True).")

    @property
    def num_points(self) -> int:
        """How many there are."""
        return len(self.options)

    @property
    def ends(self) -> tuple[Any, ...]:
        """All of them, as there is no order."""
        return self.options

    def at(self, share: float) -> Any:
        """The option at a share in [0, 1]."""
        return self.options[min(len(self.options) - 1, int(share * len(self.options)))]

    def share(self, value: Any) -> float:
        """Where a value stands among the options, in [0, 1)."""
        return self.options.index(value) / len(self.options)

    def holds(self, value: Any) -> bool:
        """Whether a value is one of the options; 1 is not True."""
        return any(type(value) is type(option) and value == option for option in self.options)


Range: TypeAlias = "Between | OneOf"


def between(low: float, high: float, log: bool = False) -> Between:
    """Says that a search may try numbers from `low` to `high`; whole ones where both ends are whole.

    >>> between(1e-4, 1e-2, log=True).at(0.5)
    0.001
    """
    return Between(low, high, log)


def one_of(*options: Any) -> OneOf:
    """Says that a search may try each of `options`.

    >>> one_of(False, True).options
    (False, True)
    """
    return OneOf(options)


@dataclasses.dataclass(frozen=True)
class Space:
    """The settings that a search chooses, each with its range, and the ones it leaves alone: `base`.

    Attributes:
      ranges: by the setting's name.
      base: the recipe's settings as they are.
      recipe_key: gives a text that is the same for choices that make the same recipe. None: none do.
      first: what is tried before anything is proposed; empty for the recipe as it is.
    """

    ranges: Mapping[str, Range]
    base: Settings
    recipe_key: Callable[[Mapping[str, Any]], str] | None = None
    first: tuple[Mapping[str, Any], ...] = ()

    @property
    def num_points(self) -> int | None:
        """How many different settings there are; None where a range is of numbers that need not be whole."""
        counts = [found.num_points for found in self.ranges.values()]
        return None if None in counts else math.prod(count for count in counts if count is not None)

    def settings(self, chosen: Mapping[str, Any]) -> Settings:
        """The recipe's settings with what was chosen."""
        return dataclasses.replace(self.base, **chosen)

    @property
    def start(self) -> dict[str, Any]:
        """What the recipe itself says of the settings in the space: the first trial."""
        return {name: getattr(self.base, name) for name in self.ranges}

    def key(self, chosen: Mapping[str, Any]) -> str:
        """A text that is the same for choices that make the same recipe."""
        return self.plain_key(chosen) if self.recipe_key is None else self.recipe_key(chosen)

    def plain_key(self, chosen: Mapping[str, Any]) -> str:
        """A text that is the same for the same choice."""
        return json.dumps({name: chosen[name] for name in self.ranges})

    def describe(self) -> dict[str, Any]:
        """The ranges as JSON."""
        return {
            name: {"type": type(found).__name__, **dataclasses.asdict(found)} for name, found in self.ranges.items()
        }


def space_of(settings: Settings, left_alone: frozenset[str] = frozenset(), owner: str = "The recipe") -> Space:
    """The space of a recipe: its settings that have a range, but for those in `left_alone`.

    Args:
      settings: what is not searched, and the first trial.
      left_alone: names of settings that stay as they are, as somebody has said what they should be.
      owner: the recipe, for messages.

    Raises:
      InvalidRecipe: when nothing is left to search, or what stands beside a setting is no range.
    """
    ranges = {}
    for field in dataclasses.fields(settings):
        found = field.metadata.get("search")
        if found is None or field.name in left_alone:
            continue
        if not isinstance(found, Between | OneOf):
            raise InvalidRecipe(
                f"{owner}: search of the setting {field.name} must be a range. Received: {found!r}. Use "
                "tfc.between(0.3, 0.9) or tfc.one_of(8, 16, 32)."
            )
        value = getattr(settings, field.name)
        if not found.holds(value):
            raise InvalidValue(
                f"{owner}: {field.name} must lie in the range that is searched, {_shown(found)}. Received: {value!r}. "
                "Widen the range, or choose another default."
            )
        ranges[field.name] = found
    if not ranges:
        raise InvalidRecipe(
            f"{owner} must have a setting with a range to search. Received: none{_named(left_alone)}. Write "
            'tfc.setting(0.5, "...", search=tfc.between(0.3, 0.9)).'
        )
    return Space(ranges, settings)


def _shown(found: Range) -> str:
    return f"{found.low} to {found.high}" if isinstance(found, Between) else ", ".join(map(repr, found.options))


def _named(left_alone: frozenset[str]) -> str:
    return f" beside those that were set ({', '.join(sorted(left_alone))})" if left_alone else ""
