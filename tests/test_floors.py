"""The floors between the rooms, read off the imports: nobody reaches up or across, and nothing goes round."""

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "tfcompress"
FILES = sorted(PACKAGE.rglob("*.py"))
MOST_FILES = 14  # in a folder, __init__.py not counted

METHODS = {"pruning", "quantization", "distillation"}
GROUND = {"core", "backend"}
LOW = {*GROUND, "measuring", "layers"}
MODELS = {*LOW, "models_io"}
ABOVE_RUNNING = {"advising", "publishing", "reporting", "searching"}
# A room, and the rooms that it may import beside its own. What is not listed here is a new room: list it.
MAY_IMPORT = {
    "core": set(),
    "backend": {"core"},
    **{room: GROUND for room in ("layers", "measuring", "data", "models")},
    "delegates": {*GROUND, "measuring"},
    "models_io": LOW,
    "graph": MODELS,
    "fitting": {*MODELS, "data"},
    "export": {*MODELS, "graph", "data"},
    **{room: {*MODELS, "graph", "fitting", "data"} for room in METHODS},
    "inspecting": {*MODELS, "graph", "data", "delegates", "pruning", "quantization"},
    "running": {*MODELS, "data"},
    "advising": {*MODELS, "graph", "data", "quantization", "inspecting", "delegates", "running"},
    "publishing": {*MODELS, "graph", "data", "export", "running"},
    "searching": {*MODELS, "data", "delegates", "running"},
    "reporting": {*LOW, "models_io", "running", "inspecting"},
    "targeting": {*MODELS, "export", "delegates"},
    "cli": {*MODELS, *ABOVE_RUNNING, "data", "running", "export", "delegates", "inspecting", "api", "targeting"},
    "api": {*MODELS, *METHODS, *ABOVE_RUNNING, "targeting", "fitting", "data", "export", "delegates", "running"},
    "tuning": {*MODELS, "searching", "api"},
    "recipe": {"cli"},
    "inspect": {"cli"},
    "report": {"cli"},
    "verify": {"cli"},
    "search": {"cli", "api"},
}
DOOR = "tfcompress.backend.tensorflow"
BEHIND_THE_DOOR = {"tensorflow", "tf_keras", "tensorflow_model_optimization"}


def module_of(path):
    """The dotted name of a file: tfcompress.core.types; a folder's __init__.py has the folder's."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


def imports(path):
    """The dotted names that a file imports, wherever in it: by `import`, by `from`, or written as a string.

    A string counts where Python's import system takes it: in `import_module`, after `-m`, and as our name in full.
    """
    package = module_of(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [*package[: len(package) - node.level + 1]] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "import_module" and node.args:
            for part in ast.walk(node.args[0]):
                if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value.strip("."):
                    yield ".".join([*package, part.value.strip(".")]) if part.value[0] == "." else part.value
        elif isinstance(node, ast.Constant) and re.fullmatch(r"tfcompress(\.\w+)+", str(node.value)):
            yield node.value


def files_imported(path):
    """The files of ours that a file imports: of `tfcompress.core.types.Data`, tfcompress.core.types."""
    for name in imports(path):
        while name and name not in MODULES:
            name = name.rpartition(".")[0]
        if name and name != "tfcompress" and MODULES[name] != path:
            yield name


def room_of(module):
    return module.split(".")[1]


def name_of(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", [path for path in FILES if path != PACKAGE / "__init__.py"], ids=name_of)
def test_imports_only_rooms_below(path):
    mine = room_of(module_of(path))
    assert mine in MAY_IMPORT, f"{name_of(path)} is in no listed room"
    assert {room_of(name) for name in files_imported(path)} <= MAY_IMPORT[mine] | {mine}


def test_no_room_may_import_another_method_or_what_runs_it():
    for room, allowed in MAY_IMPORT.items():
        if room in METHODS:
            assert not allowed & (METHODS | {"running", "inspecting", "cli"})
        if room == "running":
            assert not allowed & (METHODS | {"export", "delegates", "models"})


def test_rooms_stand_on_each_other_without_a_circle():
    assert list(TopologicalSorter(MAY_IMPORT).static_order())


def test_files_import_each_other_without_a_circle():
    assert find_circle({name: set(files_imported(path)) for name, path in MODULES.items()}) == []


def find_circle(graph):
    """The names along a circle of a graph of imports; empty when there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_a_circle_is_found():
    assert set(find_circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})) == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("def f():\n    from ..core import errors", "tfcompress.core.errors"),
        ("import importlib\nimportlib.import_module('.errors', __package__)", "tfcompress.graph.errors"),
        ("import importlib\nimportlib.import_module(f'tensorflow.{x}')", "tensorflow."),
        ("command = ['-m', 'tfcompress.delegates.worker']", "tfcompress.delegates.worker"),
    ],
)
def test_imports_are_seen_however_they_are_written(tmp_path, monkeypatch, text, found):
    path = ROOT / "tfcompress" / "graph" / "invented.py"
    monkeypatch.setattr(Path, "read_text", lambda self, encoding: text)
    assert found in set(imports(path))


@pytest.mark.parametrize("folder", sorted({path.parent for path in FILES}), ids=name_of)
def test_a_folder_can_be_looked_over(folder):
    assert len([path for path in folder.glob("*.py") if path.name != "__init__.py"]) <= MOST_FILES


@pytest.mark.parametrize(
    "room", sorted({path.relative_to(PACKAGE).parts[0] for path in FILES if path.parent != PACKAGE})
)
def test_no_file_name_twice_in_a_room(room):
    names = [path.name for path in (PACKAGE / room).rglob("*.py") if path.name != "__init__.py"]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_tensorflow_comes_through_one_door(path):
    if module_of(path) != DOOR:
        assert not {name.split(".")[0] for name in imports(path)} & BEHIND_THE_DOOR
    assert "tf.keras." not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.py")), ids=name_of)
def test_recipes_use_the_public_names_only(path):
    names = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.ImportFrom)]
    assert not [node.module for node in names if (node.module or "").startswith("tfcompress")]


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_assert_and_no_swallowed_error(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        assert not isinstance(node, ast.Assert), f"line {node.lineno}: assert disappears under python -O; raise instead"
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"line {node.lineno}: an except without a type"
            assert not all(isinstance(part, ast.Pass) for part in node.body), f"line {node.lineno}: except ...: pass"
