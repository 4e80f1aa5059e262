"""The page of fourteen networks: what was not run says so, and what lost its numbers names the layer."""

import importlib.util
import json
from pathlib import Path

import pytest

PATH = Path(__file__).parents[1] / "benchmarks" / "applications.py"


@pytest.fixture(scope="module")
def applications():
    specification = importlib.util.spec_from_file_location("applications", PATH)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_the_page_is_what_the_rows_make(applications):
    rows = {each["name"]: each for each in map(json.loads, applications.ROWS.read_text().splitlines())}
    made, there = (
        text.partition("\nVersions:")[0] for text in (applications.page(rows), applications.PAGE.read_text())
    )
    assert made == there


def test_what_has_no_row_is_not_run(applications):
    page = applications.page({})
    assert page.count("| not run |") == len(applications.SIZES) == 14


def test_a_row_has_its_figures_and_the_layer_where_it_is_lost(applications):
    row = {
        **{"name": "MobileNet", "bytes": 1000, "sparsity": 0.5, "db": 9.0, "layers_in_float": "a"},
        **{"operations_in_float": "SIN (1)", "lost_in": "layer 'y'", "seconds": 3},
    }
    (line,) = (line for line in applications.page({"MobileNet": row}).splitlines() if line.startswith("| MobileNet |"))
    assert line == "| MobileNet | 64 | 1,000 | 50% | 9.0 | a | SIN (1) | layer 'y' | 3 |"


def test_a_refusal_is_a_row(applications):
    page = applications.page({"VGG16": {"name": "VGG16", "refused": "It does not.", "seconds": 3}})
    assert "| VGG16 | 64 | refused | | | | | It does not. | 3 |" in page
