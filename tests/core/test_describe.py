import dataclasses
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

import pytest

from tfcompress.core.describe import describe, fingerprint, short


@dataclasses.dataclass(frozen=True)
class Schedule:
    end: float = 1.0


@dataclasses.dataclass(frozen=True)
class Method:
    share: float = 0.5
    schedule: Schedule = Schedule()
    per_layer: Mapping[str, float] = dataclasses.field(default_factory=dict)
    blocks: tuple[int, int] = (1, 1)
    name: str | None = None


@dataclasses.dataclass(frozen=True)
class Placed:
    """Data in a folder: where it lies is not what it is."""

    title: str
    folder: str

    def identity(self):
        return {"title": self.title}


def build(width=1, shape=(1,)):
    return width, shape


def test_equal_settings_have_equal_fingerprints():
    assert fingerprint(Method(per_layer={"a": 0.1, "b": 0.2})) == fingerprint(Method(per_layer={"b": 0.2, "a": 0.1}))


CHANGES = [
    {"share": 0.6},
    {"schedule": Schedule(0.9)},
    {"per_layer": {"a": 0.0}},
    {"blocks": (1, 2)},
    {"blocks": (2, 1)},
    {"name": "x"},
]


@pytest.mark.parametrize("change", CHANGES)
def test_each_field_changes_the_fingerprint(change):
    assert fingerprint(Method(**change)) != fingerprint(Method())


def test_two_classes_with_equal_fields_differ():
    other = dataclasses.make_dataclass("Other", [("end", float, 1.0)], frozen=True)
    assert fingerprint(other()) != fingerprint(Schedule())


def test_a_value_is_told_from_its_text():
    assert len({fingerprint(value) for value in (1, "1", True, None, "None", [1], 1.5)}) == 7


def test_a_builder_is_told_by_its_name_and_arguments():
    assert describe(partial(build, width=2, shape=(8, 8))) == {"call": "build", "width": 2, "shape": [8, 8]}
    assert fingerprint(partial(build, width=2)) != fingerprint(partial(build, width=3))
    assert fingerprint(partial(build, 2)) != fingerprint(partial(build, 3))
    assert describe(build) == {"call": "build"}


def test_mappings_sets_and_paths_become_json():
    value = {"map": MappingProxyType({1: Path("a/b")}), "set": frozenset({"b", "a"}), "tuple": (1, None)}
    assert describe(value) == {"map": {"1": "a/b"}, "set": ["a", "b"], "tuple": [1, None]}
    assert json.loads(json.dumps(describe(value))) == describe(value)


def test_identity_stands_for_the_fields():
    assert fingerprint(Placed("CIFAR-10", "/a")) == fingerprint(Placed("CIFAR-10", "/b"))
    assert fingerprint(Placed("CIFAR-10", "/a")) != fingerprint(Placed("CIFAR-100", "/a"))


def test_what_has_no_json_is_refused():
    with pytest.raises(TypeError, match="no JSON for complex. Give it an identity"):
        describe(1j)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Method(), "Method()"),
        (Method(share=0.25, schedule=Schedule(end=0.5)), "Method(share=0.25, schedule=Schedule(end=0.5))"),
        (partial(build, width=2), "build"),
        (build, "build"),
        (3, "3"),
        ("a", "'a'"),
    ],
)
def test_short_is_what_one_would_type(value, text):
    assert short(value) == text


def test_short_tells_the_defaults_when_asked():
    shown = "Method(share=0.5, schedule=Schedule(), per_layer={}, blocks=(1, 1), name=None)"
    assert short(Method(), defaults=True) == shown


def test_the_fingerprint_is_the_same_in_every_process():
    # sha256 of '{"epochs": 1}', by `printf '{"epochs": 1}' | sha256sum | cut -c-16`
    assert fingerprint({"epochs": 1}) == "f75a221d071e920d"
