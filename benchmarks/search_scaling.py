"""python benchmarks/search_scaling.py: what grows with the trials and the workers of a search.

1,000 trials that sleep, by a chief and 8 workers as processes (--trials, --workers, --seconds): how long the chief's
answers take, by the trials that are finished; what the journal and the shared stages weigh; how long a chief that is
started again needs to read them. Then how long each oracle takes for a proposal, by the trials that it knows (--asks
10 100 300 1000; the last one is minutes of Gaussian processes).
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import random
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import tfcompress as tfc
from tfcompress.running.versions import machine, versions
from tfcompress.searching.engine import BAYESIAN, OPTUNA, RANDOM
from tfcompress.searching.journal import DONE, NAME, Journal, TrialRecord
from tfcompress.searching.proposals import Observation, propose_random
from tfcompress.searching.space import space_of
from tfcompress.searching.stages import SharedStages
from tfcompress.searching.workers.asking import OracleAsked
from tfcompress.searching.workers.chief import Chief
from tfcompress.searching.workers.desk import Desk
from tfcompress.searching.workers.line import Line
from tfcompress.searching.workers.place import LOCAL_CHIEF, THREADS, place_in
from tfcompress.searching.workers.processes import end_with_chief, num_cores
from tfcompress.searching.workers.worker import Worker

ABOUT = {"recipe": "sleeping"}
SHARING = 4  # trials that have a stage in common
STAGES = ("baseline", "pruned", "clustered", "quantized")  # as many as a trial of own_model has
OF_ITS_OWN = 3  # of them, which no other trial has
SHOWN = 3  # asks of which the median is shown


@dataclasses.dataclass(frozen=True)
class Settings(tfc.Settings):
    """Six settings, as recipes have them."""

    pruning_ratio: float = tfc.setting(0.0, "share of channels removed", tfc.between(0.0, 0.7))
    final_sparsity: float = tfc.setting(0.5, "share of zeros", tfc.between(0.0, 0.95))
    num_clusters: int | None = tfc.setting(None, "distinct values", tfc.one_of(None, 8, 16, 32))
    quantize_aware: bool = tfc.setting(False, "int8's rounding in training", tfc.one_of(False, True))
    learning_rate: float = tfc.setting(1e-3, "at first", tfc.between(1e-4, 1e-2, log=True))
    epochs: int = tfc.setting(4, "of each stage", tfc.between(1, 16, log=True))


SPACE = space_of(Settings())


class AtRandom:
    """Proposes at once, so that what the rest costs is seen."""

    def __init__(self) -> None:
        self.number = 0

    def ask(self) -> dict[str, Any]:
        self.number += 1
        return propose_random(SPACE, (), self.number, 0)

    def answer(self, chosen: Mapping[str, Any], score: float | None) -> None:
        """Nothing."""


class TimedDesk(Desk):
    """A desk that writes down for how long it thinks."""

    def handlers(self) -> Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]]:
        self.seconds: list[tuple[str, int, float]] = []

        def timed(name: str, answer: Callable[[Any], Any]) -> Callable[[Any], Any]:
            def answered(message: Any) -> Any:
                begin = time.perf_counter()
                try:
                    return answer(message)
                finally:
                    self.seconds.append((name, len(self.journal.trials), time.perf_counter() - begin))

            return answered

        return {name: timed(name, answer) for name, answer in super().handlers().items()}


@dataclasses.dataclass
class Sleeping:
    """A trial that sleeps, and takes, or leaves, stages as others do."""

    root: Path
    seconds: float

    def run(self, number: int, settings: Mapping[str, Any], look: Callable[[], None]) -> TrialRecord:
        begin, stages, keys = time.monotonic(), SharedStages(self.root), []
        of_stages = 0.0
        for name in STAGES:
            key = f"{number if name in STAGES[-OF_ITS_OWN:] else -(number // SHARING)}".zfill(64)
            asked = time.monotonic()
            with stages.claimed(name, key, look) as claim:
                if claim.folder is None:
                    folder = self.root / "trials" / f"{number:04d}" / name
                    folder.mkdir(parents=True, exist_ok=True)
                    (folder / "stage.json").write_text("{}")
                    claim.publish(folder)
            of_stages += time.monotonic() - asked
            keys.append(key)
        time.sleep(random.uniform(0.5, 1.5) * self.seconds)
        figures = {"zipped_bytes": 1e4 * random.random(), "drop": random.random(), "stages_s": of_stages}
        took = round(time.monotonic() - begin, 3)
        return TrialRecord(
            number, settings, DONE, "", figures, 0.5, f"trials/{number:04d}/x.tflite", "0" * 64, took, (*keys,)
        )


def worker(root: Path, seconds: float) -> None:
    """A worker process."""
    end_with_chief()
    place = place_in()
    if place is None:
        raise SystemExit("a worker has its place in its environment")
    Worker(place.name, Line(place.host, place.port, root), Sleeping(root, seconds).run, ABOUT).work()


def search(root: Path, num_trials: int, num_workers: int, seconds: float) -> None:
    """All trials, and what they cost."""
    desk = TimedDesk(Journal(root / NAME, ABOUT), num_trials, lambda record: record.figures["drop"], about=ABOUT)
    command = [sys.executable, __file__, "--worker", str(root), "--seconds", str(seconds)]
    begin, used = time.monotonic(), time.process_time()
    chief = Chief(LOCAL_CHIEF, root, desk, num_workers, command)
    try:
        chief.lead(AtRandom())
        took, used = time.monotonic() - begin, time.process_time() - used
    finally:
        chief.close("all trials are done")
    ideal = num_trials * seconds / num_workers
    print(
        f"{num_trials:,} trials of {seconds} s, {num_workers} workers: {took:.0f} s, of which {ideal:.0f} s are sleep;"
    )
    print(f"the chief used {used:.1f} s of CPU, {1000 * used / num_trials:.1f} ms a trial\n")
    print("| | after up to 100 trials | after the last 100 |\n|---|---|---|")
    for name, said in (("next", "a trial handed out"), ("hand_in", "a record taken")):
        first, last = (
            statistics.median(took for each, known, took in desk.seconds if each == name and low <= known <= high)
            for low, high in ((0, 100), (num_trials - 100, num_trials))
        )
        print(f"| {said}, median | {1000 * first:.1f} ms | {1000 * last:.1f} ms |")
    stages = [trial.figures["stages_s"] for trial in desk.journal.trials]
    first, last = statistics.median(stages[:100]), statistics.median(stages[-100:])
    print(f"| {len(STAGES)} stages found or said, median | {1000 * first:.1f} ms | {1000 * last:.1f} ms |")
    begin = time.monotonic()
    Journal(root / NAME, ABOUT)
    reading = time.monotonic() - begin
    kept = list((root / "stages").iterdir())
    size, most = (root / NAME).stat().st_size, max(each.stat().st_size for each in kept)
    print(f"\nMessages: {len(desk.seconds) / num_trials:.1f} a trial.", end=" ")
    print(f"Journal: {size:,} bytes, read in {1000 * reading:.0f} ms.", end=" ")
    print(f"Shared stages: {len(kept):,} files of {most} bytes at most.")


def asks(counts: list[int], oracles: list[str], num_workers: int) -> None:
    """How long a proposal takes, and to make the oracle of so many trials anew."""
    print("CPU seconds of a proposal (and, after a kill, of making the oracle anew):\n")
    print("| oracle | " + " | ".join(f"{count:,} trials" for count in counts) + " |")
    print("|---" * (len(counts) + 1) + "|", flush=True)
    for oracle in oracles:
        cells = []
        for count in counts:
            took, anew = _ask(oracle, count, num_workers)
            cells.append(f"{took:.2f} ({anew:.1f})")
            print(oracle, count, cells[-1], file=sys.stderr, flush=True)
        print(f"| {oracle} | " + " | ".join(cells) + " |", flush=True)


def _ask(oracle: str, count: int, num_workers: int) -> tuple[float, float]:
    drawn = random.Random(count)
    choices = [SPACE.start, *(propose_random(SPACE, (), number, 1) for number in range(count + num_workers - 2))]
    values = [(drawn.uniform(1e3, 5e4), drawn.random() / 10) for _ in choices]
    finished, at_work = choices[:count], choices[count:]
    known = [Observation(chosen, each, (each[0] / 2e4 - 1,)) for chosen, each in zip(finished, values, strict=False)]
    known += [Observation(chosen, None, is_running=True) for chosen in at_work]
    scores = [(chosen, sum(each) / 1e5) for chosen, each in zip(finished, values, strict=False)]
    took = []
    with tempfile.TemporaryDirectory() as folder, _quietly():
        begin = time.process_time()
        asked = OracleAsked(oracle, SPACE, 10_000, 0, Path(folder), scores, at_work, lambda: known)
        anew = time.process_time() - begin
        for number in range(SHOWN):
            begin = time.process_time()  # of one thread: the machine may have other work
            chosen = asked.ask()
            took.append(time.process_time() - begin)
            if not isinstance(chosen, Mapping):
                raise RuntimeError(f"{oracle} proposed nothing")
            known.append(Observation(chosen, None, is_running=True))
            if took[-1] > 20 and not number:
                break
    return statistics.median(took), anew


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1000, help="(default: 1000)")
    parser.add_argument("--workers", type=int, default=8, help="(default: 8)")
    parser.add_argument("--seconds", type=float, default=0.5, help="that a trial sleeps (default: 0.5)")
    parser.add_argument("--asks", type=int, nargs="*", default=[10, 100, 300, 1000], help="trials that an oracle knows")
    parser.add_argument("--oracles", nargs="*", default=[OPTUNA, RANDOM, BAYESIAN])
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        worker(options.worker, options.seconds)
        return
    print(f"{machine()['cpu']}, {num_cores()} cores, Python {sys.version.split()[0]}")
    print(", ".join(f"{name} {version}" for name, version in versions().items() if name in ("optuna", "keras-tuner")))
    if options.trials:
        with tempfile.TemporaryDirectory() as folder:
            search(Path(folder), options.trials, options.workers, options.seconds)
    if options.asks:
        print()
        os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", **dict.fromkeys(THREADS, "1")}
        asks(options.asks, options.oracles, options.workers)


if __name__ == "__main__":
    main()
