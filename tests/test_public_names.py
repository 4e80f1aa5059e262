"""The public names as editors and type checkers see them: tfcompress/__init__.pyi, beside the table of run time."""

import ast
import importlib.machinery
import importlib.util
import sys
from pathlib import Path

import pytest

import tfcompress as tfc

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def stubs():
    """The script as a module."""
    loader = importlib.machinery.SourceFileLoader("stubs", str(ROOT / "scripts" / "stubs"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("stubs", loader))
    loader.exec_module(module)
    return module


@pytest.fixture
def imported():
    """What the stub imports, by public name: the module, and the name in it."""
    tree = ast.parse((ROOT / "tfcompress" / "__init__.pyi").read_text(encoding="utf-8"))
    nodes = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    return {alias.asname or alias.name: (node.module, alias.name) for node in nodes for alias in node.names}


def test_the_stub_is_what_the_table_gives(stubs):
    assert stubs.PATH.read_text(encoding="utf-8") == stubs.stub()


def test_the_stub_has_every_public_name(imported):
    assert sorted(imported) == tfc.__all__


def test_a_name_in_the_stub_is_the_object_of_run_time(imported):
    for public, (module, name) in imported.items():
        home = importlib.import_module(f"tfcompress.{module}")
        found = getattr(home, name, None) or importlib.import_module(f"tfcompress.{module}.{name}")
        given = getattr(tfc, public)
        # Whoever has imported the door `tfcompress.search` finds it here, and it calls the function.
        assert found is given or (given is sys.modules.get("tfcompress.search") and callable(given)), public


@pytest.mark.parametrize("change", [lambda text: text + "\n", lambda text: text.replace("PruneChannels", "Prune")])
def test_a_stub_that_is_out_of_date_is_refused(stubs, monkeypatch, tmp_path, capsys, change):
    monkeypatch.setattr(stubs, "PATH", tmp_path / "__init__.pyi")
    monkeypatch.setattr("sys.argv", ["stubs"])
    assert stubs.main() == 0
    monkeypatch.setattr("sys.argv", ["stubs", "--check"])
    assert stubs.main() == 0
    stubs.PATH.write_text(change(stubs.stub()))
    assert stubs.main() == 1
    assert "is out of date. Run scripts/stubs." in capsys.readouterr().err
