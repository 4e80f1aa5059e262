"""python benchmarks/search_oracles.py: which oracle finds more in as many trials, on a tabulated space.

All points of a small space were measured once on digits (--measure, which goes on where it was left) and stand in
search_table.json: the bytes of the int8 file, zipped, and the drop of its accuracy on validation examples. Each oracle
then looks points up instead of training, so that many trials of many seeds cost seconds. What counts is the hypervolume
of the Pareto set after so many trials, as a share of that of the whole table; the worst point is the largest file at a
drop of a tenth.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import itertools
import json
import statistics
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tfcompress as tfc
from tfcompress.core.progress import Printed
from tfcompress.running.versions import machine, versions
from tfcompress.searching.engine import ORACLES, run_engine
from tfcompress.searching.found.pareto import hypervolume
from tfcompress.searching.proposals import Observation
from tfcompress.searching.space import Space, space_of

TABLE = Path(__file__).with_name("search_table.json")
WORST_DROP = 0.1
COUNTS = (8, 12, 20, 30)
SEEDS = range(3)
FIGURES = ("zipped_bytes", "drop")


@dataclasses.dataclass(frozen=True)
class Settings(tfc.Settings):
    """A chain of four techniques, each of which can be left out."""

    epochs: int = tfc.setting(12, "of the baseline; each technique takes a third")
    pruning_ratio: float = tfc.setting(0.0, "share of channels removed", tfc.one_of(0.0, 0.4))
    final_sparsity: float = tfc.setting(0.0, "share of zeros", tfc.one_of(0.0, 0.5, 0.75, 0.9))
    num_clusters: int | None = tfc.setting(None, "distinct values", tfc.one_of(None, 8, 32))
    quantize_aware: bool = tfc.setting(False, "int8's rounding in training", tfc.one_of(False, True))


def recipe(settings: Settings) -> tfc.Recipe:
    """Each stage begins from the one before, so that trials share what they have in common."""
    data = tfc.Digits(num_examples=settings.num_examples)
    fit = tfc.KerasFit(data, settings.epochs, learning_rate=tfc.CosineDecay(0.05), seed=settings.seed)
    short = tfc.KerasFit(
        data, max(1, settings.epochs // 3), learning_rate=tfc.CosineDecay(0.02), seed=settings.seed + 1
    )
    build = functools.partial(tfc.simple_cnn, input_shape=data.input_shape)
    stages = [tfc.Stage("baseline", tfc.Train(), fit, start=build)]
    if settings.pruning_ratio:
        stages.append(tfc.Stage("channels", tfc.PruneChannels(settings.pruning_ratio, round_to=1), short))
    if settings.final_sparsity:
        stages.append(tfc.Stage("pruned", tfc.PruneLowMagnitude(settings.final_sparsity), short))
    if settings.num_clusters:
        stages.append(tfc.Stage("clustered", tfc.Cluster(settings.num_clusters), short))
    if settings.quantize_aware:
        stages.append(tfc.Stage("quantized", tfc.QuantizeAware(), short))
    exports = {"baseline": (tfc.Float32(),), stages[-1].name: (tfc.Int8(),)}
    return tfc.Recipe(data, tuple(stages), exports, (tfc.CpuXnnpack(),), seed=settings.seed)


def measure(root: Path, epochs: int) -> None:
    """Measures all points, and writes the table."""
    from tfcompress.backend.tensorflow import start_quietly
    from tfcompress.searching.journal import Journal
    from tfcompress.searching.trials import Subject, Trials

    start_quietly()
    base = Settings(epochs=epochs)
    space = space_of(base)
    trials = Trials(root, Subject("table", "", recipe, base), tfc.Budget(minimise="zipped_bytes"), 0.2, Printed())
    journal, reference = Journal(root / "journal.jsonl", {"epochs": epochs}), trials.reference()
    for number, chosen in enumerate(points(space), start=1):
        if journal.found(chosen) is None:
            record = trials.run(number, chosen, space.settings(chosen), reference)
            journal.add(record)
            print(number, record.status, chosen, dict(record.figures), record.reason, flush=True)
    rows = [
        {**trial.settings, **{name: round(trial.figures[name], 6) for name in FIGURES}, "seconds": trial.seconds}
        for trial in journal.trials
        if trial.status == "done"
    ]
    table = {"versions": versions(), "machine": machine(), "epochs": epochs, "rows": rows}
    TABLE.write_text(json.dumps(table, indent=0) + "\n", encoding="utf-8")


def points(space: Space) -> list[dict[str, Any]]:
    """All of them; the last setting changes fastest, so that stages are shared."""
    names = list(space.ranges)
    return [dict(zip(names, each, strict=True)) for each in itertools.product(*(r.ends for r in space.ranges.values()))]


def curve(oracle: str, seed: int, space: Space, table: Mapping[str, Mapping[str, Any]], bound: float) -> list[float]:
    """The share of the whole table's hypervolume after each of `COUNTS` trials."""
    history: list[Observation] = []

    def look_up(chosen: Mapping[str, Any]) -> float | None:
        row = table.get(space.key(chosen))
        values = tuple(row[name] for name in FIGURES) if row else None
        history.append(Observation(dict(chosen), values, ((values[0] / bound - 1),) if values else ()))
        return None if values is None else values[1] * 10 + max(0.0, values[0] / bound - 1)

    with tempfile.TemporaryDirectory() as folder:
        run_engine(oracle, space, max(COUNTS), seed, Path(folder), lambda: history, look_up)
    return [covered([observed.values for observed in history[:count] if observed.values], table) for count in COUNTS]


def covered(found: list[Any], table: Mapping[str, Mapping[str, Any]]) -> float:
    """The hypervolume of points as a share of that of the table; bytes as a share of the largest file."""
    largest = max(row["zipped_bytes"] for row in table.values())

    def area(all_points: list[Any]) -> float:
        return hypervolume([(size / largest, drop / WORST_DROP) for size, drop in all_points], (1.0, 1.0))

    return area(found) / area([tuple(row[name] for name in FIGURES) for row in table.values()])


def main() -> int:
    """Runs the command line and gives its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", metavar="DIR", type=Path, help="measure all points, in this folder")
    parser.add_argument("--epochs", type=int, default=12, help="of the baseline, where points are measured")
    options = parser.parse_args()
    if options.measure:
        measure(options.measure, options.epochs)
    if not TABLE.exists():
        print(f"There is no {TABLE.name} yet: measure it, with --measure DIR.", file=sys.stderr)
        return 1
    space = space_of(Settings())
    rows = json.loads(TABLE.read_text(encoding="utf-8"))["rows"]
    table = {space.key(row): row for row in rows}
    bound = statistics.median(row["zipped_bytes"] for row in rows) / 2
    print(f"{len(table)} points; share of the table's hypervolume, mean of {len(SEEDS)} seeds (least, largest)")
    print("| oracle |" + "".join(f" {count} trials |" for count in COUNTS))
    print("|---|" + "---|" * len(COUNTS))
    for oracle in ORACLES:
        curves = [curve(oracle, seed, space, table, bound) for seed in SEEDS]
        cells = [f" {statistics.mean(c):.3f} ({min(c):.3f}, {max(c):.3f}) |" for c in zip(*curves, strict=True)]
        print(f"| {oracle} |" + "".join(cells))
    return 0


if __name__ == "__main__":
    sys.exit(main())
