"""Latency: hand-counted medians and percentiles, and the rules of warm-up and number of runs."""

import pytest

from tfcompress.delegates import latency


@pytest.fixture(autouse=True)
def unhurried(monkeypatch):
    monkeypatch.delenv(latency.HURRIED)


class Clock:
    """A clock that moves only when a run takes its time."""

    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s


def measured(run_s):
    clock, calls = Clock(), []

    def run():
        calls.append(clock.now_s)
        clock.now_s += run_s

    return latency.measure(run, num_threads=2, clock=clock), len(calls)


def test_median_and_nearest_rank_p90_by_hand():
    # 1..10 ms: the median lies between 5 and 6, and nine of ten runs took at most 9 ms.
    found = latency.summarize([n / 1000 for n in (3, 1, 2, 10, 9, 8, 4, 5, 6, 7)], num_threads=4)
    assert found.median_ms == pytest.approx(5.5)
    assert found.p90_ms == pytest.approx(9)
    assert (found.num_runs, found.num_threads) == (10, 4)
    assert len(found.quantiles_ms) == 21
    assert found.quantiles_ms[0] == pytest.approx(1)
    assert found.quantiles_ms[10] == pytest.approx(5)
    assert found.quantiles_ms[18] == pytest.approx(9) == found.p90_ms
    assert found.quantiles_ms[20] == pytest.approx(10)


def test_one_time_is_its_own_median_and_p90():
    found = latency.summarize([0.25], num_threads=1)
    assert (found.median_ms, found.p90_ms) == (250, 250)


def test_a_fast_model_is_measured_for_half_a_second():
    found, num_calls = measured(run_s=0.0005)
    assert found.num_runs == pytest.approx(1000, abs=2)  # 0.5 s / 0.5 ms
    assert num_calls == found.num_runs + latency.WARM_UP_RUNS
    assert found.median_ms == pytest.approx(0.5)


def test_a_middling_model_is_measured_for_two_seconds():
    found, _ = measured(run_s=0.125)
    assert found.num_runs == 16  # 2 s / 125 ms


def test_a_slow_model_runs_three_times_after_one_run_of_warm_up():
    found, num_calls = measured(run_s=5.0)
    assert (found.num_runs, num_calls) == (3, 4)


def test_where_tests_are_in_a_hurry_three_runs_are_enough(monkeypatch):
    monkeypatch.setenv(latency.HURRIED, "1")
    found, num_calls = measured(run_s=0.0005)
    assert (found.num_runs, num_calls) == (3, 3 + latency.WARM_UP_RUNS)
