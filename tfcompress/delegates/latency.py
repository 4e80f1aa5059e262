"""Time of one inference: when enough runs have been seen, and their summary. No clock is read in `summarize`."""

from __future__ import annotations

import math
import os
import statistics
import time
from collections.abc import Callable, Sequence

from ..core.types import Latency

# The first runs fill caches, wake cores and, on a GPU, compile shaders; they say nothing about the later ones.
WARM_UP_RUNS = 20
WARM_UP_S = 0.5

# A p90 needs some runs; a fast model also needs some time, or one moment of a busy machine is all that is seen.
ENOUGH_RUNS = 200
ENOUGH_S = 0.5
AT_MOST_S = 2.0
AT_LEAST_RUNS = 3

NUM_QUANTILES = 20  # equal parts, between whose ends the distribution is kept

# An environment variable. Where it is set, as in tests of other things, the fewest runs are enough.
HURRIED = "TFCOMPRESS_HURRIED_LATENCY"


def is_warm(num_runs: int, elapsed_s: float) -> bool:
    """Whether the warm-up is over: after one run at least, then 20 runs or half a second, whichever comes first.

    >>> is_warm(0, 9.0), is_warm(1, 0.6), is_warm(20, 0.001)
    (False, True, True)
    """
    return num_runs >= 1 and (num_runs >= WARM_UP_RUNS or elapsed_s >= WARM_UP_S)


def is_enough(num_runs: int, elapsed_s: float) -> bool:
    """Whether to stop measuring: 200 runs that took half a second, or 2 seconds; never fewer than three runs.

    >>> is_enough(200, 0.1), is_enough(200, 0.5), is_enough(10, 2.0), is_enough(1, 60.0)
    (False, True, True, False)
    """
    if num_runs < AT_LEAST_RUNS:
        return False
    return elapsed_s >= AT_MOST_S or (num_runs >= ENOUGH_RUNS and elapsed_s >= ENOUGH_S)


def summarize(times_s: Sequence[float], num_threads: int) -> Latency:
    """The median, the 90th percentile and 21 quantiles of measured times.

    A percentile is the nearest rank: the smallest measured time that at least nine tenths of the runs did not exceed.

    Args:
      times_s: seconds of each run, in any order, at least one.
      num_threads: how many threads the runs used.

    Returns:
      A `Latency` in milliseconds.

    >>> found = summarize([0.004, 0.001, 0.002, 0.003, 0.005, 0.006, 0.007, 0.008, 0.009, 0.010], num_threads=1)
    >>> found.median_ms, found.p90_ms, found.num_runs, found.quantiles_ms[0], found.quantiles_ms[-1]
    (5.5, 9.0, 10, 1.0, 10.0)
    """
    ordered = sorted(times_s)
    p90 = ordered[math.ceil(0.9 * len(ordered)) - 1]
    ranks = (max(0, math.ceil(step / NUM_QUANTILES * len(ordered)) - 1) for step in range(NUM_QUANTILES + 1))
    quantiles = tuple(ordered[rank] * 1e3 for rank in ranks)
    return Latency(statistics.median(ordered) * 1e3, p90 * 1e3, len(ordered), num_threads, quantiles)


def measure(run: Callable[[], object], num_threads: int, clock: Callable[[], float] = time.perf_counter) -> Latency:
    """Warms `run` up, then times it until `is_enough`.

    Args:
      run: one inference, complete when it returns.
      num_threads: how many threads it uses, for the record.
      clock: seconds; replaced in tests.
    """
    _repeat(run, is_warm, clock)
    is_over = _is_hurried if HURRIED in os.environ else is_enough
    return summarize(_repeat(run, is_over, clock), num_threads)


def _is_hurried(num_runs: int, elapsed_s: float) -> bool:
    return num_runs >= AT_LEAST_RUNS


def _repeat(
    run: Callable[[], object], is_over: Callable[[int, float], bool], clock: Callable[[], float]
) -> list[float]:
    times_s: list[float] = []
    begin = clock()
    while not is_over(len(times_s), clock() - begin):
        before = clock()
        run()
        times_s.append(clock() - before)
    return times_s
