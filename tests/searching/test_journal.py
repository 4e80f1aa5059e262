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


def test_trials_of_few_epochs_are_marked_and_a_line_without_the_mark_is_read(path):
    journal = Journal(path, ABOUT)
    journal.add(TrialRecord(3, {"epochs": 1}, DONE, of_epochs=9))
    assert [trial.of_epochs for trial in Journal(path, ABOUT).trials] == [None, None, 9]
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps({k: v for k, v in line.items() if k != "of_epochs"}) + "\n" for line in lines))
    assert [trial.of_epochs for trial in Journal(path, ABOUT).trials] == [None, None, None]


def test_a_kill_at_any_byte_loses_the_torn_line_alone(path):
    content = path.read_bytes()
    ends = [place for place, byte in enumerate(content) if byte == ord("\n")]
    for cut in range(len(content)):
        path.write_bytes(content[:cut])
        again = Journal(path, ABOUT)
        assert len(again.trials) == sum(end < cut for end in (ends[1], ends[3]))
        again.add(TrialRecord(9, {"a": 9.0}, DONE))  # and what comes next is a line of its own
        assert Journal(path, ABOUT).found({"a": 9.0})


def test_a_reader_leaves_alone_what_is_half_written(path):
    content = path.read_bytes()
    path.write_bytes(content[:-5])
    assert len(Journal(path, ABOUT, reads_only=True).trials) == 1
    assert path.read_bytes() == content[:-5]


def test_the_next_number_is_the_least_that_is_free(path):
    journal = Journal(path, ABOUT)
    assert journal.next_number == 3
    journal.add(TrialRecord(4, {"a": 0.9}, DONE))
    assert journal.next_number == 3  # which several processes have not finished in order


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
