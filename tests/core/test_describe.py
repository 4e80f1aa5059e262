import dataclasses
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from tfcompress.core.describe import describe, short
from tfcompress.core.examples.source import Split


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
        return {"title": self.title} if self.title else None


def build(width=1, shape=(1,)):
    return width, shape


class Builder:
    """An object that can be called, without a name of its own."""

    def __call__(self):
        return build()


def test_a_builder_is_its_name_and_arguments():
    assert describe(partial(build, width=2, shape=(8, 8))) == {"call": "build", "width": 2, "shape": [8, 8]}
    assert describe(partial(Builder(), 2)) == {"call": "Builder()", "arguments": [2]}
    assert describe(build) == {"call": "build"}


def test_mappings_sets_paths_and_arrays_become_json():
    value = {
        "map": MappingProxyType({1: Path("a/b")}),
        "set": frozenset({"b", "a"}),
        "tuple": (1, None),
        "array": np.zeros((2, 3), "uint8"),
    }
    assert describe(value) == {
        "map": {"1": "a/b"},
        "set": ["a", "b"],
        "tuple": [1, None],
        "array": {"type": "ndarray", "dtype": "uint8", "shape": [2, 3]},
    }
    assert json.loads(json.dumps(describe(value))) == describe(value)


def test_identity_stands_for_the_fields_where_there_is_one():
    assert describe(Placed("CIFAR-10", "/a")) == {"title": "CIFAR-10"}
    assert describe(Placed("", "/a")) == {"type": "Placed", "title": "", "folder": "/a"}


def test_of_what_has_no_json_the_class_is_left():
    assert describe([1j, Builder()]) == [{"type": "complex"}, {"type": "Builder"}]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Method(), "Method()"),
        (Method(share=0.25, schedule=Schedule(end=0.5)), "Method(share=0.25, schedule=Schedule(end=0.5))"),
        (partial(build, width=2), "build"),
        (build, "build"),
        (Builder(), "Builder()"),
        (partial(Builder(), width=2), "Builder()"),
        (3, "3"),
        ("a", "'a'"),
    ],
)
def test_short_is_what_one_would_type(value, text):
    assert short(value) == text


def test_short_tells_the_defaults_when_asked():
    shown = "Method(share=0.5, schedule=Schedule(), per_layer={}, blocks=(1, 1), name=None)"
    assert short(Method(), defaults=True) == shown


def test_a_value_that_holds_arrays_is_shown_by_their_shapes():
    split = Split(np.zeros((8, 4)), np.zeros(8))
    assert short(split) == "Split(inputs=ndarray(8, 4), targets=ndarray(8,))"
