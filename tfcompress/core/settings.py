"""Settings of a recipe: a frozen dataclass whose fields the command line can set by name.

Values are read by the type of their field, so a recipe needs no parser of its own, and nothing here imports TensorFlow.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .errors import InvalidValue, UnknownSetting

MOST_SEED = 2_000_000_000  # TensorFlow's numbers have 31 bits, and some parts of a recipe count on from it
MOST_EPOCHS = 1_000_000
MOST_HELD_OUT = 0.9
_BOUNDS = (
    ("epochs", 1, MOST_EPOCHS),
    ("seed", 0, MOST_SEED),
    ("num_examples", 1, None),
    ("validation_share", 0, MOST_HELD_OUT),
)


def setting(default: Any, help: str, search: Any = None) -> Any:
    """A field of `Settings` with the sentence that `--help` shows for it.

    Args:
      default: its value where nobody says another.
      help: the sentence.
      search: what `tfcompress search` may try: `between(0.3, 0.9)` or `one_of(8, 16, 32)`. Defaults to None: the
        setting stays as it is.
    """
    return dataclasses.field(default=default, metadata={"help": help, **({"search": search} if search else {})})


@dataclasses.dataclass(frozen=True)
class Settings:
    """The settings of every recipe. A recipe's own `Settings` inherits these and adds its own.

    >>> @dataclasses.dataclass(frozen=True)
    ... class Mine(Settings):
    ...     width: int = setting(16, "channels of the first convolution")
    >>> parse_settings(Mine, {"width": "8", "seed": "3"}).width
    8
    """

    epochs: int = setting(10, "passes over the training examples in the first training; later stages scale with it")
    seed: int = setting(0, "seed of every random number")
    num_examples: int | None = setting(None, "use only the first N examples of each split; None: all")
    validation_share: float = setting(
        0.0, "share of the training examples that is held out of training, as a search holds it out; in [0, 0.9]"
    )

    def __post_init__(self) -> None:
        for name, least, most in _BOUNDS:
            value = getattr(self, name)
            if value is not None and value < least:
                raise InvalidValue(
                    f"{name} must be at least {least}. Received: {value}. Use --set {name}={least} or more."
                )
            if value is not None and most is not None and value > most:
                raise InvalidValue(
                    f"{name} must be at most {most:,}. Received: {value:,}. Use --set {name}={most} or less."
                )


def parse_settings(cls: type[Settings], assignments: Mapping[str, str], owner: str = "the recipe") -> Settings:
    """Makes `cls` from texts, as `--set NAME=VALUE` gives them.

    Raises:
      UnknownSetting: for a name that is no field; the message names the nearest.
      InvalidValue: for a text that does not read as the field's type, or a value out of range.
    """
    hints = typing.get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}
    values = {}
    for name, text in assignments.items():
        if name not in fields:
            raise UnknownSetting(_unknown(name, list(fields), owner))
        values[name] = _parse(text, hints[name], name, owner)
    return cls(**values)


def _unknown(name: str, known: list[str], owner: str) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"It has: {', '.join(known)}."
    return f"{owner} has no setting {name!r}. {hint}"


def _parse(text: str, kind: Any, name: str, owner: str) -> Any:
    readers = _readers(kind)
    for read, _ in readers:
        try:
            return read(text)
        except ValueError:
            continue
    expected = " or ".join(words for _, words in readers)
    raise InvalidValue(
        f"{owner}: {name} must be {expected}. Received: {text!r}. Use --set {name}=VALUE with such a value."
    )


def _readers(kind: Any) -> list[tuple[Callable[[str], Any], str]]:
    """How to read a text as `kind`, and the words for it: None first, since "None" would read as a string too."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        options = sorted(typing.get_args(kind), key=lambda option: option is not type(None))
        return [reader for option in options for reader in _readers(option)]
    table: dict[Any, tuple[Callable[[str], Any], str]] = {
        type(None): (_read_none, "None"),
        bool: (_read_bool, "true or false"),
        int: (int, "a whole number"),
        float: (_read_float, "a number"),
        str: (str, "a text"),
        Path: (Path, "a path"),
    }
    return [table[kind]]


def _read_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):  # what is meant by it has other words, None for one
        raise ValueError(text)
    return value


def _read_none(text: str) -> None:
    if text.lower() not in ("none", "null"):
        raise ValueError(text)


def _read_bool(text: str) -> bool:
    words = {"true": True, "yes": True, "1": True, "on": True, "false": False, "no": False, "0": False, "off": False}
    try:
        return words[text.lower()]
    except KeyError:
        raise ValueError(text) from None
