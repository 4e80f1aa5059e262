"""The chief's desk, with a clock that is set by hand: who has which trial, and what stands in the journal by then."""

import dataclasses
import json

import pytest

from tfcompress.searching.journal import CRASHED, DONE, Journal, TrialRecord
from tfcompress.searching.workers.asking import Nothing
from tfcompress.searching.workers.desk import ALL_DONE, ALL_TRIED, AT_WORK, MOST_DEATHS, TIME_UP, Desk
from tfcompress.searching.workers.line import Refused

ABOUT = {"recipe": "mine", "seed": 0}


class InOrder:
    """Proposes 0 to `last`, and writes down what it is answered."""

    def __init__(self, last=99, begin=0):
        self.last, self.number, self.heard = last, begin - 1, []

    def ask(self):
        if self.number == self.last:
            return Nothing.LEFT
        self.number += 1
        return {"x": self.number}

    def answer(self, chosen, score):
        self.heard.append((chosen["x"], score))


class Search:
    """A desk in a folder, and its clock."""

    def __init__(self, root, num_trials=4, begin=0, **given):
        self.now, self.said = 0.0, []
        self.journal = Journal(root / "journal.jsonl", ABOUT)
        self.desk = Desk(
            self.journal,
            num_trials,
            lambda record: record.figures.get("drop"),
            say=self.said.append,
            about=ABOUT,
            lease_s=10.0,
            clock=lambda: self.now,
            asking=InOrder(begin=begin),
            **given,
        )

    def next(self, worker):
        return self.desk.next({"worker": worker})

    def finish(self, worker, number, x, **given):
        record = TrialRecord(number, {"x": x}, DONE, figures={"drop": x / 10}, **given)
        return self.desk.hand_in({"worker": worker, "record": json.loads(json.dumps(dataclasses.asdict(record)))})

    def on_disk(self):
        lines = [json.loads(line) for line in self.journal.path.read_text().splitlines()]
        notes = [line["value"] for line in lines if line.get("note") == AT_WORK]
        return [line["number"] for line in lines if "trial" in line], notes[-1] if notes else {}


@pytest.fixture
def search(tmp_path):
    return Search(tmp_path)


def test_each_worker_has_a_trial_of_its_own_which_is_on_disk_before_it_hears(search):
    first, second = search.next("a"), search.next("b")
    assert (first["number"], second["number"]) == (1, 2) and first["settings"] != second["settings"]
    assert search.on_disk() == ([], {"1": {"x": 0}, "2": {"x": 1}})


def test_a_record_is_in_the_journal_when_its_worker_hears_and_the_oracle_is_answered(search):
    search.next("a")
    search.finish("a", 1, 0)
    assert search.on_disk()[0] == [1]
    search.next("a")
    assert search.desk.asking.heard == [(0, 0.0)]


def test_the_end_comes_when_all_are_done_and_not_before(search):
    for worker in "abcd":
        search.next(worker)
    assert search.next("e")["do"] == "wait"
    for number, worker in enumerate("abcd", start=1):
        search.finish(worker, number, number - 1)
    assert search.next("e") == {"do": "end", "why": ALL_DONE}
    assert search.desk.is_over


def test_a_dead_workers_trial_goes_to_the_next_one(search):
    search.next("a")
    search.desk.lost("a", "was ended by SIGKILL")
    assert search.said[-1] == "a was ended by SIGKILL: trial 1 is given to another"
    assert search.next("b") == {"do": "trial", "number": 1, "settings": {"x": 0}, "seconds_left": None}


def test_who_gives_no_sign_of_life_counts_as_dead_and_who_does_does_not(search):
    search.next("a")
    search.next("b")
    search.now = 9.0
    assert search.desk.beat({"worker": "a", "number": 1})["goes_on"]
    search.now = 12.0
    search.desk.look()
    assert search.next("c")["number"] == 2
    assert not search.desk.beat({"worker": "b", "number": 2})["goes_on"]  # it is another's now
    assert search.desk.beat({"worker": "a", "number": 1})["goes_on"]


def test_who_only_seemed_dead_keeps_its_trial_while_nobody_else_has_it(search):
    search.next("a")
    search.now = 11.0
    search.desk.look()
    assert search.desk.beat({"worker": "a", "number": 1})["goes_on"]
    assert search.next("b")["number"] == 2


def test_of_two_records_of_one_trial_the_first_counts(search):
    search.next("a")
    search.desk.lost("a", "gave no sign of life")
    search.next("b")
    search.finish("a", 1, 0, reason="first")
    search.finish("b", 1, 0, reason="second")
    assert search.on_disk()[0] == [1] and search.journal.trials[0].reason == "first"


def test_a_trial_that_kills_its_workers_has_crashed(search):
    for death in range(MOST_DEATHS):
        assert search.next(f"w{death}")["number"] == 1
        search.desk.lost(f"w{death}", "was ended by SIGSEGV")
    (record,) = search.journal.trials
    assert (record.status, record.number) == (CRASHED, 1) and "ended by SIGSEGV" in record.reason
    assert search.next("w")["number"] == 2
    assert search.desk.asking.heard == [(0, None)]


def test_a_trial_whose_folder_is_locked_is_handed_out_later(search):
    search.next("a")
    search.desk.back({"worker": "a", "number": 1, "is_busy": True})
    assert search.next("a")["number"] == 2
    search.now = 3.0
    assert search.next("b")["number"] == 1


def test_a_chief_that_was_killed_goes_on_with_the_same_trials(search, tmp_path):
    for worker in "abc":
        search.next(worker)
    search.finish("b", 2, 1)
    again = Search(tmp_path, begin=3)
    assert sorted(each["x"] for each in again.desk.at_work) == [0, 2]
    again.finish("c", 3, 2)  # which was finished while nobody listened
    assert again.desk.beat({"worker": "a", "number": 1})["goes_on"]  # and one at work stays so
    assert [again.next("d")["number"], again.on_disk()[0]] == [4, [2, 3]]


def test_who_asks_again_gets_the_trial_again(search):
    assert search.next("a") == search.next("a")


def test_no_trial_is_begun_for_which_there_is_no_time(tmp_path):
    search = Search(tmp_path, may_begin=lambda: search.now < 5)
    search.next("a")
    search.now = 6.0
    assert search.next("b") == {"do": "end", "why": TIME_UP}
    assert not search.desk.is_over
    search.desk.back({"worker": "a", "number": 1})
    assert search.desk.is_over


def test_a_space_that_was_tried_whole_ends_when_nothing_is_at_work(search):
    search.desk.asking.last = 1
    search.next("a"), search.next("b")
    assert search.next("c")["do"] == "wait"
    search.finish("a", 1, 0), search.finish("b", 2, 1)
    assert search.next("c") == {"do": "end", "why": ALL_TRIED}


@pytest.mark.parametrize(
    ("name", "message", "words"),
    [
        ("join", {"worker": "a", "about": {**ABOUT, "seed": 1}}, "other seed"),
        ("join", {"worker": "a"}, "does not say what"),
        ("next", {}, "without a name"),
        ("hand_in", {"worker": "a", "record": {}}, "cannot be read"),
        ("hand_in", {"worker": "a"}, "cannot be read"),
        (
            "hand_in",
            {"worker": "a", "record": dataclasses.asdict(TrialRecord(7, {"x": 1}, DONE))},
            "trial 7, which nobody has",
        ),
        (
            "hand_in",
            {"worker": "a", "record": {**dataclasses.asdict(TrialRecord(1, {"x": 1}, DONE)), "status": "great"}},
            "cannot be read",
        ),
    ],
)
def test_what_no_worker_of_this_search_says_is_refused(name, message, words, search):
    search.next("b")
    with pytest.raises(Refused, match=words):
        search.desk.handlers()[name](message)
    assert search.journal.trials == []
