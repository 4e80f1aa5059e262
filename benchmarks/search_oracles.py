"""python benchmarks/search_oracles.py: which oracle finds more in as many trials, on a tabulated space.

All points of a space were measured once on digits (--measure, which goes on where it was left) and stand in
search_table.json: the bytes of the int8 file, zipped, and the drop of its accuracy on validation examples. Each oracle
then looks points up instead of training, so that many trials of many seeds cost seconds. What counts is the hypervolume
of the Pareto set after so many trials, as a share of that of the whole table (the worst point is the largest file at a
drop of a tenth), after so many epochs of training too, as trials of few epochs cost less; and how much better than what
was found within the budget, the bytes that a quarter of the points keep, is the table's best point within it.
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
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import tfcompress as tfc
from tfcompress.core.progress import Printed
from tfcompress.measuring.tradeoffs.pareto import hypervolume
from tfcompress.running.versions import machine, versions
from tfcompress.searching.candidates import told_apart
from tfcompress.searching.engine import ORACLES, run_engine
from tfcompress.searching.journal import DONE, Journal, TrialRecord
from tfcompress.searching.proposals import Observation
from tfcompress.searching.space import Space, space_of
from tfcompress.searching.trials import Subject, Trials

TABLE = Path(__file__).with_name("search_table.json")
WORST_DROP = 0.1
COUNTS = (8, 12, 20)
EPOCHS = (10, 25, 50, 100)  # of training, all stages of all trials together
SEEDS = range(3)
CHAIN = {"pruning_ratio": 0.0, "quantize_aware": True}  # tfmot's: zeros, clusters, PCQAT, int8
FIGURES = ("zipped_bytes", "drop")


@dataclasses.dataclass(frozen=True)
class Settings(tfc.Settings):
    """A chain of four techniques, each of which can be left out."""

    epochs: int = tfc.setting(3, "of each technique's training", tfc.one_of(1, 3))
    pruning_ratio: float = tfc.setting(0.0, "share of channels removed", tfc.one_of(0.0, 0.4))
    final_sparsity: float = tfc.setting(0.0, "share of zeros", tfc.one_of(0.0, 0.5, 0.7, 0.9))
    num_clusters: int | None = tfc.setting(None, "distinct values", tfc.one_of(None, 8, 32))
    quantize_aware: bool = tfc.setting(False, "int8's rounding in training", tfc.one_of(False, True))
    baseline_epochs: int = tfc.setting(12, "of the baseline")


def recipe(settings: Settings) -> tfc.Recipe:
    """Each stage begins from the one before, so that trials share what they have in common."""
    data = tfc.Digits(num_examples=settings.num_examples)
    fit = tfc.KerasFit(data, settings.baseline_epochs, learning_rate=tfc.CosineDecay(0.05), seed=settings.seed)
    rate = tfc.CosineDecay(0.02)
    short = tfc.KerasFit(data, settings.epochs, learning_rate=rate, seed=settings.seed + 1)
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
    exports: dict[str, tuple[tfc.Exporter, ...]] = {"baseline": (tfc.Float32(),)}
    exports[stages[-1].name] = (tfc.Int8(),)
    return tfc.Recipe(data, tuple(stages), exports, (tfc.CpuXnnpack(),), seed=settings.seed)


def measure(root: Path) -> None:
    """Measures all points, and writes the table."""
    from tfcompress.backend.tensorflow import start_quietly

    start_quietly()
    base = Settings()
    space = space_of(base)
    trials = Trials(root, Subject("table", "", recipe, base), tfc.Budget(minimise="zipped_bytes"), 0.2, Printed())
    journal, reference = Journal(root / "journal.jsonl", {"space": space.describe()}), trials.reference()
    for number, chosen in enumerate(points(space), start=1):
        if journal.found(chosen) is None:
            record = trials.run(number, chosen, space.settings(chosen), reference)
            journal.add(record)
            print(number, record.status, chosen, dict(record.figures), record.reason, flush=True)
    rows = [
        {**trial.settings, **{name: _figure(trial, name) for name in FIGURES}}
        for trial in journal.trials  # one whose file is not what its model says has no figures
    ]
    lines = ",\n".join(json.dumps(row) for row in rows)
    around = json.dumps({"versions": versions(), "machine": machine()})[1:-1]
    TABLE.write_text(f'{{{around}, "rows": [\n{lines}\n]}}\n', encoding="utf-8")


def _figure(trial: TrialRecord, name: str) -> float | None:
    return round(trial.figures[name], 6) if trial.status == DONE else None


def points(space: Space) -> list[dict[str, Any]]:
    """All of them; the last setting changes fastest, so that stages are shared."""
    names = list(space.ranges)
    return [dict(zip(names, each, strict=True)) for each in itertools.product(*(r.ends for r in space.ranges.values()))]


Table = Mapping[str, Mapping[str, Any]]


def searched(oracle: str, seed: int, space: Space, table: Table, bound: float) -> list[Mapping[str, Any]]:
    """The rows of the table that an oracle asks for, in its order."""
    history: list[Observation] = []
    rows: list[Mapping[str, Any]] = []
    budget = tfc.Budget(max_zipped_bytes=bound)
    bounds = budget.bounds(1.0)

    def look_up(chosen: Mapping[str, Any]) -> float | None:
        row = table.get(space.key(chosen))
        if row is None:
            raise KeyError(f"The table has no row of {chosen}. Measure it to its end, with --measure DIR.")
        if row not in rows:  # an oracle that asks again learns nothing new
            rows.append(row)
            values = tuple(row[name] for name in FIGURES) if is_done(row) else None
            excess = tuple(budget.excess(row, bounds).values()) if is_done(row) else ()
            history.append(Observation(dict(chosen), values, excess))
        return budget.score(row, bounds) if is_done(row) else None

    with tempfile.TemporaryDirectory() as folder:
        run_engine(oracle, space, max(COUNTS), seed, Path(folder), lambda: history, look_up)
    return rows


def is_done(row: Mapping[str, Any]) -> bool:
    """Whether a row's file is what its model says."""
    return row["drop"] is not None


def trained(row: Mapping[str, Any]) -> int:
    """How many epochs a row's stages train for."""
    used = (row["pruning_ratio"], row["final_sparsity"], row["num_clusters"], row["quantize_aware"])
    return int(row["epochs"] * sum(map(bool, used)))


def within(rows: list[Mapping[str, Any]], num_epochs: int) -> list[Mapping[str, Any]]:
    """The first rows that train for so many epochs together."""
    sums = itertools.accumulate(trained(row) for row in rows)
    return [row for row, total in zip(rows, sums, strict=True) if total <= num_epochs]


def covered(rows: list[Mapping[str, Any]], table: Table) -> float:
    """The hypervolume of rows as a share of that of the table; bytes as a share of the largest file."""
    largest = max(row["zipped_bytes"] for row in filter(is_done, table.values()))

    def area(some: list[Mapping[str, Any]]) -> float:
        points = [(row["zipped_bytes"] / largest, row["drop"] / WORST_DROP) for row in filter(is_done, some)]
        return hypervolume(points, (1.0, 1.0)) if points else 0.0

    return area(rows) / area(list(table.values()))


def missed(rows: list[Mapping[str, Any]], table: Table, bound: float) -> float:
    """By how many points the table's best row within the bound is better; none within it counts as WORST_DROP."""

    def best(some: list[Mapping[str, Any]]) -> float:
        kept = (row["drop"] for row in filter(is_done, some) if row["zipped_bytes"] <= bound)
        return min((WORST_DROP, *kept))

    return 100 * (best(rows) - best(list(table.values())))


def line(name: str, cells: Iterable[list[float]], form: str = "{:.3f} ({:.3f}, {:.3f})") -> str:
    """A row of Markdown: the mean over seeds, the least and the largest."""
    shown = [form.format(statistics.mean(each), min(each), max(each)) for each in cells]
    return " | ".join([f"| {name}", *shown]) + " |"


def main() -> int:
    """Runs the command line and gives its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", metavar="DIR", type=Path, help="measure all points, in this folder")
    options = parser.parse_args()
    if options.measure:
        measure(options.measure)
    if not TABLE.exists():
        print(f"There is no {TABLE.name} yet: measure it, with --measure DIR.", file=sys.stderr)
        return 1
    space = told_apart(space_of(Settings()), Subject("table", "", recipe, Settings()))  # type: ignore[arg-type]
    rows = json.loads(TABLE.read_text(encoding="utf-8"))["rows"]
    table = {space.key({name: row[name] for name in space.ranges}): row for row in rows}
    bound = statistics.quantiles([row["zipped_bytes"] for row in filter(is_done, rows)])[0]
    found = {oracle: [searched(oracle, seed, space, table, bound) for seed in SEEDS] for oracle in ORACLES}
    print(f"{len(rows)} points, {len(table)} recipes; mean of {len(SEEDS)} seeds (least, largest)")
    print("\nShare of the table's hypervolume\n| oracle |" + "".join(f" {count} trials |" for count in COUNTS))
    print("|---|" + "---|" * len(COUNTS))
    for name, runs in found.items():
        print(line(name, ([covered(each[:count], table) for each in runs] for count in COUNTS)))
    print(f"\nPoints of accuracy below the table's best within {bound:,.0f} bytes\n| oracle |", end="")
    print("".join(f" {count} trials |" for count in COUNTS) + "\n|---|" + "---|" * len(COUNTS))
    for name, runs in found.items():
        form = "{:.2f} ({:.2f}, {:.2f})"
        print(line(name, ([missed(each[:count], table, bound) for each in runs] for count in COUNTS), form))
    print("\nShare of the table's hypervolume, by epochs\n| oracle |", end="")
    print("".join(f" {count} epochs |" for count in EPOCHS) + "\n|---|" + "---|" * len(EPOCHS))
    for name, runs in found.items():
        print(line(name, ([covered(within(each, count), table) for each in runs] for count in EPOCHS)))
    chain = [row for row in rows if CHAIN.items() <= row.items() and row["num_clusters"] and row["final_sparsity"]]
    for epochs in sorted({row["epochs"] for row in chain}):
        points = [row for row in chain if row["epochs"] == epochs]
        print(
            f"\nThe fixed chain, {len(points)} points of {epochs} epochs each stage: {covered(points, table):.3f} of "
            f"the hypervolume, {missed(points, table, bound):.2f} points below the best within the bytes"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
