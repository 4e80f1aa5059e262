"""The notebooks of docs/ run from their first cell to the last."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parent.parent / "docs" / "notebooks").glob("*.ipynb"))


def outputs(cell):
    return [each.get("data", {}).get("text/html") or each.get("text", "") for each in cell.get("outputs", ())]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the kernel's messages
def test_it_runs_and_shows_the_report(path):
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    shown = [text for cell in notebook.cells for text in outputs(cell)]
    assert any("<td>prune_low_magnitude int8</td>" in text and "worst recall, TFLite" in text for text in shown)
    assert any("Verdict: pass" in text for text in shown)
    assert any(text.startswith("keras ") for text in "".join(shown).splitlines())


def test_there_are_notebooks():
    assert NOTEBOOKS
