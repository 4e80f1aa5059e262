"""The notebooks of docs/, as they stand: each must run from its first cell to its last, and show what it says."""

import re
from pathlib import Path

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from nbclient import NotebookClient
from traitlets.config import Config

FOLDER = Path(__file__).parent.parent / "docs" / "notebooks"


def in_a_kernel(notebook):
    """What the cells show in a process of their own, as Jupyter runs them."""
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    shown = [each for cell in notebook.cells for each in cell.get("outputs", ())]
    return [each.get("data", {}).get("text/html") or each.get("text", "") for each in shown]


def here(notebook):
    """What the cells show one after another in this process, which has imported TensorFlow and Keras already."""
    shell, shown = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}})), []
    try:
        for cell in (each for each in notebook.cells if each.cell_type == "code"):
            with capture_output() as said:
                done = shell.run_cell(cell.source)
            done.raise_error()
            shown += [said.stdout, getattr(done.result, "_repr_html_", str)()]
    finally:
        shell.restore_sys_module_state()
    return shown


@pytest.fixture(params=[here, pytest.param(in_a_kernel, marks=pytest.mark.slow)])
def shown(request):
    """What the cells of a notebook show."""
    return lambda name: request.param(nbformat.read(FOLDER / f"{name}.ipynb", as_version=4))


@pytest.mark.filterwarnings("default")  # as in a kernel
def test_compress_shows_the_report(shown):
    texts = shown("compress")
    assert any("<td>prune_low_magnitude int8</td>" in text and "worst recall, TFLite" in text for text in texts)
    assert any("Verdict: pass" in text for text in texts)
    assert any(text.startswith("keras ") for text in "".join(texts).splitlines())


@pytest.mark.filterwarnings("default")
def test_series_halves_the_network_and_runs_the_file(shown):
    text = "".join(shown("series"))
    trained, half = (int(found.replace(",", "")) for found in re.findall(r"([\d,]+) MACs, ", text)[:2])
    assert 2 * half <= trained
    assert re.search(r"aware int8: [\d,]+ bytes, MAE 0\.\d+, pass", text)
    assert "int8 100.0% of operations" in text
    forecast, came = ([float(each) for each in re.findall(r"-?\d+\.\d*", line)] for line in text.splitlines()[-2:])
    assert max(abs(one - other) for one, other in zip(forecast, came, strict=True)) < 0.6


def test_each_notebook_is_tested():
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == {"compress", "series"}
