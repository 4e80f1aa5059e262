import dataclasses
from pathlib import Path
from typing import Optional

import pytest

from tfcompress.core.errors import InvalidValue, UnknownSetting
from tfcompress.core.settings import Settings, parse_settings, setting


@dataclasses.dataclass(frozen=True)
class Mine(Settings):
    width: int = setting(16, "channels")
    rate: float = setting(0.1, "learning rate")
    distil: bool = setting(False, "whether to distil")
    activation: str | None = setting("relu", "after each layer")
    limit: Optional[float] = setting(None, "seconds")  # noqa: UP045, the older spelling must read as well
    folder: Path = setting(Path("."), "where")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("width", "8", 8),
        ("width", "-8", -8),
        ("rate", "1e-3", 0.001),
        ("rate", "2", 2.0),
        ("distil", "true", True),
        ("distil", "No", False),
        ("distil", "0", False),
        ("activation", "tanh", "tanh"),
        ("activation", "None", None),
        ("activation", "null", None),
        ("limit", "2.5", 2.5),
        ("limit", "none", None),
        ("num_examples", "256", 256),
        ("num_examples", "None", None),
        ("folder", "a/b", Path("a/b")),
    ],
)
def test_a_text_is_read_by_the_type_of_its_field(name, text, value):
    read = getattr(parse_settings(Mine, {name: text}), name)
    assert read == value
    assert type(read) is type(value) or isinstance(value, Path)


def test_what_is_not_set_keeps_its_default():
    assert parse_settings(Mine, {"width": "8"}) == Mine(width=8)


def test_an_unknown_name_is_told_with_the_nearest():
    with pytest.raises(UnknownSetting, match=r"^mine has no setting 'widht'\. Did you mean width\?$"):
        parse_settings(Mine, {"widht": "8"}, "mine")


def test_a_name_near_to_none_is_told_with_all_of_them():
    with pytest.raises(UnknownSetting, match="It has: epochs, seed, num_examples, validation_share, width, rate"):
        parse_settings(Mine, {"zzzzzz": "8"})


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("width", "8.5", "a whole number"),
        ("width", "", "a whole number"),
        ("rate", "fast", "a number"),
        ("distil", "perhaps", "true or false"),
        ("num_examples", "many", "None or a whole number"),
    ],
)
def test_a_text_that_does_not_read_names_the_field_and_what_it_takes(name, text, expected):
    with pytest.raises(InvalidValue) as caught:
        parse_settings(Mine, {name: text}, "mine")
    assert str(caught.value).startswith(f"mine: {name} must be {expected}. Received: {text!r}.")


@pytest.mark.parametrize(("name", "value", "least"), [("epochs", 0, 1), ("seed", -1, 0), ("num_examples", 0, 1)])
def test_a_value_out_of_range_is_refused(name, value, least):
    with pytest.raises(InvalidValue, match=f"^{name} must be at least {least}. Received: {value}."):
        Mine(**{name: value})


@pytest.mark.parametrize(("name", "value"), [("epochs", 1), ("seed", 0), ("num_examples", 1)])
def test_the_least_value_is_taken(name, value):
    assert getattr(Mine(**{name: value}), name) == value


@pytest.mark.parametrize(("name", "most"), [("seed", 2_000_000_000), ("epochs", 1_000_000)])
def test_a_number_that_is_too_large_is_refused(name, most):
    assert getattr(parse_settings(Mine, {name: str(most)}), name) == most
    with pytest.raises(InvalidValue, match=f"^{name} must be at most {most:,}. Received: {most + 1:,}."):
        parse_settings(Mine, {name: str(most + 1)})


@pytest.mark.parametrize("text", ["inf", "-inf", "nan"])
def test_what_is_no_finite_number_is_no_number(text):
    with pytest.raises(InvalidValue, match="rate must be a number. Received: "):
        parse_settings(Mine, {"rate": text})
