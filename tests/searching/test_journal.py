"""The journal: what is in it is there after a kill at any byte."""

import json

import pytest

from tfcompress.core.errors import InvalidValue, RunDamaged
from tfcompress.searching.journal import CRASHED, DONE, Journal, TrialRecord

ABOUT = {"recipe": "mine", "seed": 0}


@pytest.fixture
def path(tmp_path):
    journal = Journal(tmp_path / "search" / "journal.jsonl", ABOUT)
    journal.add(TrialRecord(1, {"a": 0.5}, DONE, figures={"drop": 0.1}, trained=("k",), seconds=2.0))
    journal.note("tests", {"1": 0.9})
    journal.add(TrialRecord(2, {"a": 0.7}, CRASHED, "ValueError: no"))
    return journal.path


def test_what_was_added_is_read_again(path):
    again = Journal(path, ABOUT)
    assert [trial.status for trial in again.trials] == [DONE, CRASHED]
    assert again.found({"a": 0.5}).trained == ("k",)
    assert again.notes == {"tests": {"1": 0.9}} and again.seconds == 2.0


def test_a_kill_at_any_byte_loses_the_torn_line_alone(path):
    content = path.read_bytes()
    ends = [place for place, byte in enumerate(content) if byte == ord("\n")]
    for cut in range(len(content)):
        path.write_bytes(content[:cut])
        again = Journal(path, ABOUT)
        assert len(again.trials) == sum(end < cut for end in (ends[1], ends[3]))
        again.add(TrialRecord(9, {"a": 9.0}, DONE))  # and what comes next is a line of its own
        assert Journal(path, ABOUT).found({"a": 9.0})


def test_a_torn_line_between_others_is_refused(path):
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], b"{torn\n", *lines[2:]]))
    with pytest.raises(RunDamaged, match="line 3, which cannot be read"):
        Journal(path, ABOUT)


def test_another_search_is_refused_by_what_differs(path):
    with pytest.raises(InvalidValue, match=r"a search with other seed\. Use another --out"):
        Journal(path, {**ABOUT, "seed": 1})


def test_a_line_is_json_of_its_own(path):
    kinds = [next(iter(json.loads(line))) for line in path.read_text().splitlines()]
    assert kinds == ["search", "trial", "note", "trial"]
