"""A space in keras-tuner's words, and its choices in ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ...core.errors import InvalidValue
from ..space import Between, Space


def declare(space: Space, found: Any, left_out: str | None = None) -> Any:
    """Names the space's settings in keras-tuner's `HyperParameters`, and gives these.

    Options are written as JSON, since keras-tuner takes no None and no mixture of types.

    Args:
      space: whose ranges they are.
      found: the `HyperParameters`; what is there already stays as it is.
      left_out: a setting that is not named. Defaults to None.
    """
    for name, each in space.ranges.items():
        default = getattr(space.base, name)
        if name == left_out:
            continue
        if not isinstance(each, Between):
            found.Choice(name, [json.dumps(option) for option in each.options], default=json.dumps(default))
        else:
            kind = found.Int if each.is_whole else found.Float
            kind(name, each.low, each.high, sampling="log" if each.log else "linear", default=default)
    return found


def encoded(space: Space, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """A choice as keras-tuner's values."""
    ranges = space.ranges
    return {name: value if isinstance(ranges[name], Between) else json.dumps(value) for name, value in chosen.items()}


def decoded(space: Space, values: Mapping[str, Any]) -> dict[str, Any]:
    """A choice from keras-tuner's values; a setting that they do not have is as in the recipe.

    Raises:
      InvalidValue: for a value that is out of the setting's range.
    """
    found = {}
    for name, each in space.ranges.items():
        if name not in values:
            found[name] = getattr(space.base, name)
        elif isinstance(each, Between):
            found[name] = each.plain(values[name])
        else:
            found[name] = _option(values[name])
        if not each.holds(found[name]):
            raise InvalidValue(
                f"The oracle's {name} must be in the range that is searched, {each}. Received: {values[name]!r}. "
                "Options are written as JSON; leave the space to the HyperParameters that the search gives the oracle."
            )
    return found


def _option(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value
