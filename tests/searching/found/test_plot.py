"""The picture of a Pareto set."""

import pytest

import tfcompress as tfc
from tfcompress.core import extras
from tfcompress.core.errors import MissingExtra
from tfcompress.core.tasks.task import ACCURACY
from tfcompress.searching.found.outcome import Outcome
from tfcompress.searching.found.plot import draw
from tfcompress.searching.journal import DONE, TrialRecord


@pytest.fixture
def outcome():
    trials = tuple(
        TrialRecord(
            n, {"a": n}, DONE, figures={"zipped_bytes": 100.0 * n, "ms": 1.0, "drop": 0.1 / n}, metric=1 - 0.1 / n
        )
        for n in (1, 2, 3)
    )
    return Outcome("mine", tfc.Budget(max_zipped_bytes=250, max_ms=2.0), ACCURACY, 0.99, trials, {"a": {}})


def test_it_has_a_panel_for_each_cost_with_bound_and_best(outcome, tmp_path):
    draw(outcome, tmp_path / "pareto.svg")
    drawn = (tmp_path / "pareto.svg").read_text()
    assert drawn.count("<!-- uncompressed -->") == drawn.count("<!-- bound -->") == 2
    assert "best, trial 2" in drawn and "bytes of the file zipped" in drawn


def test_without_matplotlib_the_extra_is_named(outcome, tmp_path, monkeypatch):
    monkeypatch.setitem(extras.PACKAGES, "plots", {"no_such_package": "matplotlib"})
    with pytest.raises(MissingExtra, match=r"tfcompress\[plots\]"):
        draw(outcome, tmp_path / "pareto.png")
