"""A search whose trials sleep: a chief and its workers as processes, without TensorFlow and keras-tuner.

    python fake_search.py ROOT --trials 12 --workers 3 --seconds 0.2

A trial has a stage that four trials have in common. What was computed stands in ROOT/computed, a line each.
"""

import argparse
import dataclasses
import json
import os
import random
import sys
import time
from pathlib import Path

from tfcompress.core.errors import TfcompressError
from tfcompress.searching.engine import Stopped
from tfcompress.searching.journal import DONE, Journal, TrialRecord
from tfcompress.searching.stages import SharedStages
from tfcompress.searching.workers.chief import Chief
from tfcompress.searching.workers.desk import Desk
from tfcompress.searching.workers.line import Line
from tfcompress.searching.workers.place import chosen_place
from tfcompress.searching.workers.processes import end_with_chief
from tfcompress.searching.workers.worker import Worker

ABOUT = {"recipe": "fake"}


class InOrder:
    """Proposes 0, 1, 2, ...: what is lost, or repeated, is seen."""

    def __init__(self, tried):
        self.tried = set(tried)

    def ask(self):
        choice = next(number for number in range(len(self.tried) + 1) if number not in self.tried)
        self.tried.add(choice)
        return {"x": choice}

    def answer(self, chosen, score):
        if chosen["x"] not in self.tried:
            raise RuntimeError("answered what nobody asked")


@dataclasses.dataclass
class Fake:
    """Trials that sleep."""

    root: Path
    seconds: float
    has_stages: bool = True

    def write(self, line):
        with open(self.root / "computed", "ab") as stream:
            stream.write(f"{line}\n".encode())

    def sleep(self, look):
        end = time.monotonic() + random.uniform(0.5, 1.5) * self.seconds
        while time.monotonic() < end:
            look()
            time.sleep(min(0.02, max(0.0, end - time.monotonic())))

    def run(self, number, settings, look):
        started, key, trained, shared = time.monotonic(), f"k{settings['x'] // 4}", (), ()
        if self.has_stages:
            with SharedStages(self.root).claimed("baseline", key, look) as claim:
                if claim.folder is None:
                    self.sleep(look)
                    folder = self.root / "trials" / f"{number:04d}" / "1-baseline"
                    folder.mkdir(parents=True, exist_ok=True)
                    (folder / "stage.json").write_text(key)
                    claim.publish(folder)
                    trained = (key,)
                    self.write(f"stage {key}")
                else:
                    shared = (key,)
        self.sleep(look)
        if settings["x"] in [int(x) for x in os.environ.get("DEADLY", "").split(",") if x]:
            os.kill(os.getpid(), 9)
        self.write(f"trial {number} {settings['x']}")
        figures = {"zipped_bytes": float(settings["x"]), "drop": 0.0}
        seconds = round(time.monotonic() - started, 3)
        return TrialRecord(number, settings, DONE, "", figures, seconds=seconds, trained=trained, shared=shared)


def main(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--seconds", type=float, default=0.2)
    parser.add_argument("--limit", type=float)
    parser.add_argument("--patience", type=float, default=5.0)
    parser.add_argument("--lease", type=float, default=1.0)
    options = parser.parse_args(arguments)
    place = chosen_place(options.workers)
    if place is None or not place.is_chief:
        if place.is_started:
            end_with_chief(patience_s=2.0)
        line = Line(place.host, place.port, options.root, options.patience)
        worker = Worker(place.name, line, Fake(options.root, options.seconds).run, ABOUT, beat_s=options.lease / 5)
        print(f"{place.name}: {worker.work()} trials")
        return 0
    options.root.mkdir(parents=True, exist_ok=True)
    journal, started = Journal(options.root / "journal.jsonl", ABOUT), time.monotonic()

    def left():
        return None if options.limit is None else options.limit - (time.monotonic() - started)

    desk = Desk(
        journal,
        options.trials,
        lambda record: record.figures.get("zipped_bytes"),
        lambda record: print(f"trial {record.number} {record.status}", flush=True),
        lambda text: print(text, flush=True),
        lambda: options.limit is None or left() > 0,
        left,
        ABOUT,
        options.lease,
    )
    command = [sys.executable, __file__, *arguments]
    chief = Chief(place, options.root, desk, options.workers, command)
    why = "interrupted"
    try:
        tried = [trial.settings["x"] for trial in journal.trials] + [each["x"] for each in desk.at_work]
        why = chief.lead(InOrder(tried))
    except Stopped as stopped:
        why = str(stopped)
    except TfcompressError as error:
        why = f"{type(error).__name__}: {error}"
    finally:
        chief.close(why)
        print(json.dumps({"why": why, "finished": len(journal.trials)}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
