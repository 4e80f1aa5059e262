"""The floors between the rooms, read off the imports: nobody reaches up, and nobody reaches across."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "tfcompress"
MODULES = sorted(PACKAGE.rglob("*.py"))
METHODS = (
    *("augmentation", "data", "delegates", "distillation", "export", "loading", "models", "pruning", "quantization"),
)

# A room, and the rooms it may import; its own is always among them. What is not listed here is a new room: list it.
MAY_IMPORT = {
    "core": set(),
    **{room: {"core"} for room in METHODS},
    "quantization": {"core", "loading"},  # a packed model is a file too
    "fitting": {"core"},
    "given": {"core"},
    "shipped": {"core", "quantization"},
    "report": {"core"},
    "recipe_file": {"core"},
    "inspecting": {"core", "data", "delegates", "pruning", "quantization"},
    "inspect": {"core", "export", "inspecting", "loading", "terminal"},
    "run_stage": {"core", "loading"},
    "run_file": {"core", "loading", "run_stage"},
    "run": {"core", "loading", "run_stage", "run_file"},
    "terminal": {"core", "report"},
    "recipe": {"core", "recipe_file", "run", "report", "terminal"},
}
ONLY_IN_CORE_KERAS = {"tensorflow", "tf_keras", "tensorflow_model_optimization"}


def room(path):
    relative = path.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def imports(path):
    """(absolute module name) of each import in a file; relative ones are resolved."""
    package = ["tfcompress", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            names = [node.module] if node.module else [alias.name for alias in node.names]
            yield from (".".join([*base, name]) for name in names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


def name_of(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", [path for path in MODULES if path.name != "__init__.py"], ids=name_of)
def test_imports_only_rooms_below(path):
    mine = room(path)
    assert mine in MAY_IMPORT, f"{name_of(path)} is in no listed room"
    used = {name.split(".")[1] for name in imports(path) if name.startswith("tfcompress.")}
    assert used <= MAY_IMPORT[mine] | {mine}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_tensorflow_comes_through_one_door(path):
    if name_of(path) != "tfcompress/core/keras.py":
        assert not {name.split(".")[0] for name in imports(path)} & ONLY_IN_CORE_KERAS
    assert "tf.keras." not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.py")), ids=name_of)
def test_recipes_use_the_public_names_only(path):
    names = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.ImportFrom)]
    assert not [node.module for node in names if (node.module or "").startswith("tfcompress")]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_assert_and_no_swallowed_error(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        assert not isinstance(node, ast.Assert), f"line {node.lineno}: assert disappears under python -O; raise instead"
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"line {node.lineno}: an except without a type"
            assert not all(isinstance(part, ast.Pass) for part in node.body), f"line {node.lineno}: except ...: pass"
