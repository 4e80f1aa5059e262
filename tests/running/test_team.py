"""Processes are played here by a strategy that adds up what a script says the others tell."""

from types import SimpleNamespace

import pytest

from tfcompress.backend.tensorflow import tf
from tfcompress.core.errors import WorkerLost
from tfcompress.running.team import Team

CLUSTER = {"worker": ["a:1", "b:1"]}


class Played:
    """Two processes of one replica each; `others` are the numbers that the other one tells, in turn."""

    num_replicas_in_sync = 2

    def __init__(self, task_id, others):
        spec = SimpleNamespace(as_dict=lambda: CLUSTER)
        self.cluster_resolver = SimpleNamespace(cluster_spec=lambda: spec, task_type="worker", task_id=task_id)
        self.others, self.told = list(others), []

    def run(self, function):
        return function()

    def reduce(self, operation, value, axis):
        assert (operation, axis) == ("SUM", None)
        self.told.append(int(value))
        answer = self.others.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return value + answer


def chief(*others):
    return Team(Played(0, others))


def worker(*others):
    return Team(Played(1, others))


def test_the_first_worker_is_the_chief():
    assert (chief().is_chief, worker().is_chief, chief().num_workers) == (True, False, 2)


def test_one_process_does_its_work_and_tells_nobody():
    assert Team().chief_alone(lambda: 5) == 5
    assert Team().chief_says(lambda: True) is True


def test_what_the_chief_does_alone_the_others_do_not():
    team, done = worker(1), []
    assert team.chief_alone(lambda: done.append(1)) is None
    assert (done, team.strategy.told) == ([], [0])
    team = chief(0)
    assert team.chief_alone(lambda: "made") == "made"
    assert team.strategy.told == [1]


def test_when_the_chief_fails_it_says_so_and_the_others_end():
    team = chief(0)
    with pytest.raises(KeyError):
        team.chief_alone(lambda: {}["x"])
    assert team.strategy.told == [2]
    with pytest.raises(WorkerLost, match="The chief, the worker that writes, ended with an error"):
        worker(2).chief_alone(lambda: None)


def test_the_chiefs_own_error_is_told_though_the_others_have_gone():
    with pytest.raises(KeyError):
        chief(tf.errors.UnavailableError(None, None, "Socket closed")).chief_alone(lambda: {}["x"])


@pytest.mark.parametrize("answer", [True, False])
def test_the_chief_answers_for_all(answer):
    assert chief(0, 0).chief_says(lambda: answer) is answer
    assert worker(1, 2 if answer else 1).chief_says(lambda: pytest.fail("only the chief looks")) is answer


@pytest.mark.parametrize("kind", ["UnavailableError", "AbortedError", "CancelledError"])
def test_a_worker_that_has_gone_is_told_in_one_line(kind):
    team = worker(getattr(tf.errors, kind)(None, None, "Socket closed"))
    with pytest.raises(WorkerLost, match="^Another worker has gone; its own output says why"):
        team.chief_alone(lambda: None)


def test_an_error_that_is_no_loss_stays_what_it_is():
    with pytest.raises(ValueError, match="mine"):
        worker(ValueError("mine")).chief_alone(lambda: None)


def test_the_report_says_where():
    assert Team().title == "none"
    assert chief().title == "Played, 2 replicas in 2 processes"
