"""Keys of values: one by one what must make another key, and what must not; and one key in every process."""

import contextlib
import dataclasses
import enum
import functools
import logging
import os
import re
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from types import FunctionType, ModuleType

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.core import identity
from tfcompress.core.examples.source import Split
from tfcompress.core.identity import NoIdentity, fingerprint
from tfcompress.core.types import Data


@dataclasses.dataclass(frozen=True)
class Schedule:
    end: float = 1.0


@dataclasses.dataclass(frozen=True)
class Method:
    share: float = 0.5
    schedule: Schedule = Schedule()
    per_layer: dict = dataclasses.field(default_factory=dict)
    blocks: tuple[int, int] = (1, 1)
    name: str | None = None

    @functools.cached_property
    def looked_up(self):
        return self.share


CHANGES = [
    {"share": 0.6},
    {"schedule": Schedule(0.9)},
    {"per_layer": {"a": 0.0}},
    {"blocks": (1, 2)},
    {"blocks": (2, 1)},
    {"name": "x"},
]


@pytest.mark.parametrize("change", CHANGES)
def test_each_field_counts(change):
    assert fingerprint(Method(**change)) != fingerprint(Method()) == fingerprint(Method())


def test_what_an_object_keeps_of_its_own_computing_does_not_count():
    used = Method()
    assert used.looked_up == 0.5 and "looked_up" in vars(used)
    assert fingerprint(used) == fingerprint(Method())


def test_the_order_of_a_mapping_counts_as_the_first_pattern_that_matches_wins():
    assert fingerprint({"conv*": 8, "conv1": 4}) != fingerprint({"conv1": 4, "conv*": 8})


def test_the_order_of_keywords_and_of_a_set_does_not():
    assert fingerprint(functools.partial(dict, a=1, b=2)) == fingerprint(functools.partial(dict, b=2, a=1))
    assert fingerprint({"x", "y", "z"}) == fingerprint({"z", "y", "x"})


def test_two_classes_with_equal_fields_differ():
    other = dataclasses.make_dataclass("Other", [("end", float, 1.0)], frozen=True)
    assert fingerprint(other()) != fingerprint(Schedule())


def test_a_value_is_told_from_its_text():
    assert len({fingerprint(value) for value in (1, "1", True, None, "None", [1], 1.5, 1j, b"1")}) == 9


CODE = """
import helpers

WIDTH = 4
TABLE = {"a": [1, 2]}

def half(x):
    return x // 2

class Base:
    share = 0.5

    def twice(self):
        return 2 * self.share

class Object(Base):
    def __init__(self, size=1):
        self.size = size

    def __call__(self):
        return self.twice() * half(WIDTH)

    def helped(self):
        return self.size

def make(extra):
    def inner(x=1, *, y=2):
        return x + y + extra
    return inner

@functools.lru_cache
def kept(x):
    return x + 1

def build(width=3):
    def activation(x):
        return x if x > 0 else 0.1 * x
    return [half(width), activation, WIDTH, TABLE["a"], helpers.blocks.block(2), late()]

def late():
    from helpers import late
    return late.later(1)

def ping(n):
    return pong(n) if n else WIDTH

def pong(n):
    return ping(n - 1)

def recipe(settings):
    return build
"""
HELPERS = {
    "__init__": "from . import blocks",
    "blocks": "def block(n):\n    return n + 1\n\ndef other(n):\n    return n",
    "late": "def later(n):\n    return n + 1",
}


@pytest.fixture
def users(tmp_path, monkeypatch):
    """What a file of the user's defines, with a package of helpers; each of its texts may be replaced."""

    def run(*changes, folder="here", before=""):
        texts = {"recipe": f"import functools\n{CODE}", **HELPERS}
        for old, new in changes:
            assert any(old in text for text in texts.values()), old
            texts = {name: text.replace(old, new) for name, text in texts.items()}
        place = tmp_path / folder / str(len(list(tmp_path.rglob("recipe.py"))))
        (place / "helpers").mkdir(parents=True)
        for name, text in texts.items():
            path = place / "recipe.py" if name == "recipe" else place / "helpers" / f"{name}.py"
            path.write_text(before + text)
        for name in [name for name in sys.modules if name.partition(".")[0] == "helpers"]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.syspath_prepend(place)
        module = ModuleType("tfcompress_recipe_mine")
        module.__file__ = str(place / "recipe.py")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(compile((place / "recipe.py").read_text(), place / "recipe.py", "exec"), module.__dict__)
        return module

    return run


VALUES = {
    "function": lambda module: module.build,
    "partial": lambda module: functools.partial(module.build, 4),
    "lambda": lambda module: module.make(3),
    "kept": lambda module: module.kept,
    "object": lambda module: module.Object(2),
    "method": lambda module: module.Object(2).twice,
    "class": lambda module: module.Object,
    "circle": lambda module: module.ping,
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_unchanged_code_is_the_same_wherever_it_lies(users, value):
    first = fingerprint(value(users()))
    moved = users(folder="there", before="# a comment\n\n")
    assert fingerprint(value(moved)) == first


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("function", "return [half", "return [3, half"),
        ("function", "0.1 * x", "0.2 * x"),  # a constant of a function inside
        ("function", "x > 0", "x < 0"),
        ("function", "width=3", "width=5"),
        ("function", "WIDTH = 4", "WIDTH = 8"),  # a global constant
        ("function", "[1, 2]", "[1, 3]"),  # a global that is changed in place
        ("function", "x // 2", "x // 3"),  # a helper in the same file
        ("function", "n + 1\n\n", "n + 2\n\n"),  # one in another file
        ("function", "def later(n):\n    return n + 1", "def later(n):\n    return n + 2"),  # imported when it runs
        ("partial", "x // 2", "x // 3"),
        ("lambda", "x + y + extra", "x + y - extra"),
        ("lambda", "y=2", "y=3"),
        ("kept", "return x + 1", "return x + 2"),
        ("object", "* half(WIDTH)", "+ half(WIDTH)"),
        ("object", "WIDTH = 4", "WIDTH = 8"),
        ("object", "2 * self.share", "3 * self.share"),  # a method of a base class
        ("object", "share = 0.5", "share = 0.6"),
        ("method", "2 * self.share", "3 * self.share"),
        ("class", "share = 0.5", "share = 0.6"),
        ("circle", "WIDTH = 4", "WIDTH = 8"),
        ("circle", "ping(n - 1)", "ping(n - 2)"),
    ],
)
def test_changed_code_is_something_else(users, name, old, new):
    first = fingerprint(VALUES[name](users()))
    assert fingerprint(VALUES[name](users((old, new)))) != first


def test_what_a_function_does_not_read_does_not_count(users):
    first = fingerprint(users().build)
    assert fingerprint(users(("2 * self.share", "3 * self.share")).build) == first
    assert fingerprint(users(("def other(n):\n    return n", "def other(n):\n    return -n")).build) == first


def test_two_functions_of_one_name_differ():
    def first():
        def build():
            return 1

        return build

    def second():
        def build():
            return 2

        return build

    assert first().__name__ == second().__name__
    assert fingerprint(first()) != fingerprint(second())


def test_a_closure_and_what_an_object_holds_count(users):
    module = users()
    assert fingerprint(module.make(1)) == fingerprint(module.make(1)) != fingerprint(module.make(2))
    assert fingerprint(module.Object(1)) == fingerprint(module.Object(1)) != fingerprint(module.Object(2))
    assert fingerprint(module.Object(1).helped) != fingerprint(module.Object(2).helped)
    assert fingerprint(functools.partial(module.build, 1)) != fingerprint(functools.partial(module.build, 2))


def test_code_that_ran_often_is_the_same():
    def build(x=1):
        return [x + number for number in range(3)]

    before = fingerprint(build)
    for _ in range(1000):  # Python replaces its instructions by faster ones
        build()
    assert fingerprint(build) == before


def test_what_a_library_makes_while_it_runs_counts_by_what_it_holds():
    one, other = (contextlib.contextmanager(function) for function in (lambda: (yield 1), lambda: (yield 2)))
    assert one.__code__ is other.__code__
    assert fingerprint(one) == fingerprint(one) != fingerprint(other)


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


DIFFERENT = [
    (np.arange(3), np.arange(4)),
    (np.arange(4), np.arange(4).reshape(2, 2)),
    (np.zeros(2, "float32"), np.zeros(1, "float64")),
    (np.array([1, None]), np.array([2, None])),
    (np.float32(1), np.float64(1)),
    (np.random.default_rng(0), np.random.default_rng(1)),
    (np.random.default_rng(0).normal, np.random.default_rng(0).uniform),
    (Colour.RED, Colour.BLUE),
    (re.compile("a"), re.compile("b")),
    (logging.getLogger("a"), logging.getLogger("b")),
    (range(3), range(4)),
    (str.upper, str.lower),
    (list[int], list[str]),
    (np.sin, np.cos),
    (len, repr),
    (np, os),
    (..., NotImplemented),
]


@pytest.mark.parametrize(("one", "other"), DIFFERENT, ids=[repr(one)[:20] for one, _ in DIFFERENT])
def test_values_of_all_kinds_are_told_apart(one, other):
    assert fingerprint(one) == fingerprint(one) != fingerprint(other)


def test_an_array_is_its_content_however_it_lies_in_memory():
    values = np.arange(12).reshape(3, 4)
    assert fingerprint(np.asfortranarray(values)) == fingerprint(values) == fingerprint(np.repeat(values, 2, 0)[::2])


@pytest.mark.parametrize("kind", [str, Path], ids=["text", "Path"])
def test_a_file_counts_by_size_and_time_of_change(tmp_path, kind):
    path = tmp_path / "weights.h5"
    path.write_text("a")
    value = {"weights": kind(path)}
    first = fingerprint(value)
    os.utime(path, ns=(1, 1))
    changed = fingerprint(value)
    path.write_text("ab")
    os.utime(path, ns=(1, 1))
    assert len({first, changed, fingerprint(value)}) == 3


def test_a_file_that_code_names_counts_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("weights.txt").write_text("a")
    read = lambda: Path("weights.txt").read_text()  # noqa: E731
    first = fingerprint(read)
    Path("weights.txt").write_text("abc")
    assert fingerprint(read) != first


def test_a_folder_counts_by_all_of_its_files(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "a.txt").write_text("a")
    first = fingerprint(tmp_path)
    os.utime(tmp_path / "inner" / "a.txt", ns=(1, 1))
    changed = fingerprint(tmp_path)
    (tmp_path / "b.txt").write_text("")
    assert len({first, changed, fingerprint(tmp_path)}) == 3


class Mine(Data):
    """Not a dataclass, and its examples come from elsewhere."""

    title, num_train, num_classes, input_shape = "mine", 4, 2, (3,)
    source = {"train": np.zeros((4, 3)), "test": np.zeros((2, 3))}

    def load(self):
        return tuple(Split(inputs, np.zeros(len(inputs), int)) for inputs in _from_elsewhere())


def _from_elsewhere():
    return tuple(np.load(os.environ[name]) for name in ("TRAIN", "TEST"))


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Arrays that no code leads to."""
    arrays = {"TRAIN": np.zeros((4, 3)), "TEST": np.zeros((2, 3))}
    for name, array in arrays.items():
        np.save(tmp_path / f"{name}.npy", array)
        monkeypatch.setenv(name, str(tmp_path / f"{name}.npy"))
    return lambda name, array: np.save(tmp_path / f"{name}.npy", array)


@pytest.mark.parametrize("name", ["TRAIN", "TEST"])
def test_data_is_its_arrays(elsewhere, name):
    first = fingerprint(Mine())
    assert fingerprint(Mine()) == first
    elsewhere(name, np.full((4, 3), 1e-9))
    assert fingerprint(Mine()) != first


class WithVersion(Mine):
    def __init__(self, version, part=0):
        self.version, self.part, self.lock = version, part, threading.Lock()

    def load(self):
        raise AssertionError("not reached")


def test_a_version_stands_for_the_arrays_and_for_what_has_no_identity():
    assert fingerprint(WithVersion("1")) == fingerprint(WithVersion("1")) != fingerprint(WithVersion("2"))
    assert fingerprint(WithVersion("1", part=1)) != fingerprint(WithVersion("1"))


@dataclasses.dataclass(frozen=True)
class Placed(Data):
    name: str
    folder: str

    def identity(self):
        return {"name": self.name} if self.name else None

    def load(self):
        return None, None


def test_identity_stands_for_all_else():
    assert fingerprint(Placed("a", "/x")) == fingerprint(Placed("a", "/y")) != fingerprint(Placed("b", "/x"))
    with pytest.raises(NoIdentity, match="^data is a Placed, whose identity\\(\\) is None$"):
        fingerprint({"data": Placed("", "/x")})


def test_our_identity_does_not_speak_for_what_a_user_adds():
    class Tuned(tfc.KerasFit):
        factor = 1

    class Other(tfc.KerasFit):
        factor = 2

    Other.__qualname__ = Tuned.__qualname__
    data = tfc.Digits(num_examples=32)
    assert fingerprint(tfc.KerasFit(data)) != fingerprint(Tuned(data)) != fingerprint(Other(data))
    assert fingerprint(Tuned(data)) == fingerprint(Tuned(data)) != fingerprint(Tuned(data, epochs=2))


class Holding:
    def __init__(self, what):
        self.what = what


@pytest.mark.parametrize("what", [threading.Lock(), (number for number in [1]), threading.local()], ids=type)
def test_what_lives_in_this_process_alone_has_no_identity_and_is_named(what):
    value = {"fit": functools.partial(Holding, size=Holding([what]))}
    with pytest.raises(
        NoIdentity, match=rf"^fit\.size\.what\.0 is a {type(what).__name__}, which .*: give it identity\(\) or"
    ):
        fingerprint(value)


def test_an_object_inside_of_itself_is_read():
    one, other = Holding(1), Holding(1)
    one.me, other.me = one, other
    assert fingerprint(one) == fingerprint(other)
    other.what = 2
    assert fingerprint(one) != fingerprint(other)


def test_a_list_inside_of_itself_has_no_identity():
    endless = []
    endless.append(endless)
    with pytest.raises(NoIdentity, match="nested too deeply"):
        fingerprint(endless)


def test_arrays_are_read_once(monkeypatch):
    reads = []
    original = identity._Reader._array
    monkeypatch.setattr(identity._Reader, "_array", lambda self, value: reads.append(1) or original(self, value))
    array, contents = np.arange(5), {}
    assert fingerprint([array, array], contents) == fingerprint([np.arange(5), array], contents)
    assert fingerprint(array, contents) == fingerprint(np.arange(5))
    assert len(reads) == 3


IN_A_PROCESS = """
import functools, sys
import tfcompress as tfc
from tfcompress.cli import recipe_file
from tfcompress.core.identity import fingerprint

recipe = recipe_file.load(sys.argv[1]).module
fit = tfc.KerasFit(tfc.Digits(), augment=(recipe.half,))
print(fingerprint([recipe.build, recipe.Object(3), recipe.kept, {"b", "a"}, fit]))
print("tensorflow" in sys.modules)
"""


def test_every_process_finds_the_same_whatever_its_hashes_and_its_folder(users, tmp_path):
    place = Path(users().__file__).parent
    found = [
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(IN_A_PROCESS), recipe],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join([*sys.path, str(place)])},
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for seed, folder, recipe in [("1", place, "recipe.py"), ("2", tmp_path, str(place / "recipe.py"))]
    ]
    assert found[0] == found[1]
    assert found[0][1] == "False"


def test_a_fingerprint_is_a_digest_of_json():
    # by `printf '{"map": [["epochs", 1]]}' | sha256sum | cut -c-16`
    assert fingerprint({"epochs": 1}) == "b36edc0c475dfa45"


def test_functions_of_a_library_that_cannot_be_found_by_name_count_by_their_code():
    made = {"__name__": "json.invented"}
    one, other = (FunctionType(compile(text, "x", "eval"), made, "f") for text in ("1", "2"))
    assert fingerprint(one) != fingerprint(other)
