"""docs/combinations.md, and the table of orders that the plan of a recipe reads: made of rows, by combinations.py."""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from string import Formatter
from textwrap import fill
from typing import Any

from tfcompress.running.order.combinations import PATH, Order

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "combinations.md"
NETWORK = "SimpleCNN for CIFAR-10 (JPEG copy)"
Rows = Sequence[Mapping[str, Any]]


@dataclasses.dataclass(frozen=True)
class Found:
    """The rows of one chain, one a seed, and the accuracy of the baseline's float32 file."""

    rows: Rows
    baseline: float

    @property
    def refused(self) -> str:
        """Why there is no model; empty where there is one."""
        return str(self.rows[0].get("refused", ""))

    def points(self, mode: str = "int8") -> list[float]:
        """Accuracy of a file against the baseline's, in points, by seed."""
        return [100 * (row["files"][mode]["accuracy"] - self.baseline) for row in self.rows]

    def zipped(self, mode: str = "int8") -> int:
        """Zipped bytes of a file, mean."""
        return round(statistics.mean(row["files"][mode]["zipped"] for row in self.rows))

    def mean(self, name: str) -> float:
        """Of a figure over the seeds."""
        return statistics.mean(row[name] for row in self.rows)

    def has(self, mode: str) -> bool:
        """Whether there is a file of this mode."""
        return not self.refused and mode in self.rows[0]["files"]

    def kept(self, kind: str) -> tuple[float, float]:
        """What was promised of a kind, the most by any step, and what the int8 file has of it; means."""
        promised = [each["promised"] for row in self.rows for each in _verdicts(row) if each["kind"] == kind]
        measured = [each["measured"] for row in self.rows for each in row["promises"] if each["kind"] == kind]
        return max(promised), round(statistics.mean(measured), 4)

    @property
    def lost(self) -> list[str]:
        """The kinds that were promised and, with some seed, are not in the int8 file."""
        return sorted({each["kind"] for row in self.rows for each in _verdicts(row) if not each["kept"]})


def _verdicts(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [*row["promises"], *row["of_the_model"]]


def read_rows(path: Path) -> list[Mapping[str, Any]]:
    """The lines of a file of rows, but for the one about all of them."""
    return [each for each in _lines(path) if "chain" in each]


def about(path: Path) -> Mapping[str, Any]:
    """What all rows were measured with: epochs, versions, machine."""
    return next(each["about"] for each in _lines(path) if "about" in each)


def _lines(path: Path) -> list[Mapping[str, Any]]:
    return [json.loads(each) for each in path.read_text(encoding="utf-8").splitlines()]


def write(path: Path, chains: Sequence[str]) -> None:
    """The page and the plan's table, of a file of rows."""
    rows = read_rows(path)
    PAGE.write_text(page(rows, chains, about(path)), encoding="utf-8")
    PATH.write_text(table_text(rows), encoding="utf-8")


def table_text(rows: Iterable[Mapping[str, Any]]) -> str:
    """The plan's table, as it is stored."""
    listed = [dataclasses.asdict(order) for order in orders(grouped(rows))]
    found = {"network": NETWORK, "page": PAGE.relative_to(ROOT).as_posix(), "orders": listed}
    return json.dumps(found, indent=1) + "\n"


def grouped(rows: Iterable[Mapping[str, Any]]) -> dict[str, Found]:
    """The rows by chain."""
    by_chain: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_chain.setdefault(row["chain"], []).append(row)
    baseline = statistics.mean(row["files"]["float32"]["accuracy"] for row in by_chain[""])
    return {chain: Found(found, baseline) for chain, found in by_chain.items()}


def spread(values: Sequence[float], form: str = "{:+.1f}") -> str:
    """Mean (least, largest).

    >>> spread([1.0, 2.0, 3.0])
    '+2.0 (+1.0, +3.0)'
    """
    mean, least, largest = (form.format(each) for each in (statistics.mean(values), min(values), max(values)))
    return mean if len(values) == 1 else f"{mean} ({least}, {largest})"


def line(chain: str, found: Found | None) -> str:
    """A row of the table."""
    name = chain or "the baseline"
    if found is None or found.refused:
        return f"| {name} | {'not run' if found is None else 'cannot be done'} |" + " |" * 8
    floats = f"{spread(found.points('float32'))} | {found.zipped('float32'):,}" if found.has("float32") else "| "
    return (
        f"| {name} | {spread(found.points())} | {found.zipped():,} | {floats} | {100 * found.mean('zeros'):.0f} % "
        f"| {found.mean('values'):.0f} | {found.mean('codes'):.0f} | {found.mean('macs') / 1e6:.2f} "
        f"| {', '.join(found.lost)} |"
    )


HEAD = (
    "| steps | int8: points | zipped bytes | float32: points | zipped bytes | zeros | values | codes | MACs, millions "
    "| lost |\n" + "|---" * 10 + "|"
)
# What destroys: the promise, whose technique does, the chain, and one that keeps it. The last is no refusal, but a
# setting that asks for less than an earlier step of the same technique.
ORDERS = (
    ("sparsity", "Train", "zeros > training", "zeros", ""),
    ("sparsity", "Cluster", "zeros > clusters without zeros", "zeros > clusters", ""),
    ("sparsity", "QuantizeAware", "zeros > QAT without zeros", "zeros > QAT", ""),
    ("sparsity", "PruneChannels", "zeros > channels", "channels > zeros", ""),
    ("clusters", "Train", "clusters > training", "clusters", ""),
    ("clusters", "PruneLowMagnitude", "clusters > zeros", "zeros > clusters", ""),
    ("clusters", "QuantizeAware", "clusters > QAT without clusters", "clusters > QAT", ""),
    ("clusters", "PruneChannels", "clusters > channels", "channels > clusters", ""),
    ("int8 ranges", "PruneLowMagnitude", "QAT > zeros", "", ""),
    ("int8 ranges", "Cluster", "QAT > clusters", "", ""),
    ("int8 ranges", "PruneChannels", "QAT > channels", "", ""),
    ("sparsity", "PruneLowMagnitude", "zeros > fewer zeros", "zeros", "final_sparsity"),
)


def orders(found: Mapping[str, Found]) -> list[Order]:
    """The table that the plan reads: what of ORDERS was measured to destroy."""
    table = []
    for kind, by, chain, keeping, less in ORDERS:
        if chain not in found or (keeping and keeping not in found):
            continue
        if found[chain].refused:
            table.append(Order(kind, by, chain))
            continue
        promised, left = found[chain].kept(kind)
        table.append(
            Order(kind, by, chain, keeping, promised, left, found[chain].zipped(), found[keeping].zipped(), less)
        )
    return [order for order in table if order.destroys]


def page(rows: Iterable[Mapping[str, Any]], chains: Sequence[str], known: Mapping[str, Any]) -> str:
    """docs/combinations.md."""
    found = grouped(rows)
    table = "\n".join([HEAD, *(line(chain, found.get(chain)) for chain in chains)])
    return PREFACE.format(
        table=table, rules=rules(found), baseline=f"{found[''].baseline:.2%}", seeds=_of_seeds(found, chains), **known
    )


def _of_seeds(found: Mapping[str, Found], chains: Sequence[str]) -> str:
    """How many seeds there are of each chain."""
    counts = [len(found[chain].rows) if chain in found else 0 for chain in chains]
    if max(counts) == 1:
        seeds = "One seed: differences of a point may be chance."
    else:
        seeds = f"Means of {max(counts)} seeds (least, largest)."
    fewer = sum(count < max(counts) for count in counts)
    return f"{seeds} {fewer} of {len(chains)} chains have fewer, or none." if fewer else seeds


def rules(found: Mapping[str, Found]) -> str:
    """What the table says, with its figures; without the rules that cite a chain that is not measured."""
    figures: dict[str, str] = {}
    for name, chain in CITED.items():
        if chain in found and not found[chain].refused:
            each = found[chain]
            figures |= {
                name: f"{statistics.mean(each.points()):+.1f} points and {each.zipped() / 1000:.1f} kB",
                f"{name}_zeros": f"{100 * each.mean('zeros'):.0f} %",
                f"{name}_values": f"{each.mean('values'):.0f}",
                f"{name}_codes": f"{each.mean('codes'):.0f}",
                f"{name}_times": f"{found[''].zipped('float32') / each.zipped():.0f}",
                f"{name}_macs": f"{each.mean('macs') / 1e6:.2f}",
            }
    said = [text for text in RULES if {field for _, field, *_ in Formatter().parse(text) if field} <= set(figures)]
    numbered = (f"{number}. {text.format(**figures)}" for number, text in enumerate(said, start=1))
    return "\n".join(fill(each, 120, subsequent_indent="   ", break_on_hyphens=False) for each in numbered)


CITED = {
    "base": "",
    "channels": "channels",
    "zeros": "zeros",
    "clusters": "clusters",
    "aware": "QAT",
    "training": "training",
    "channels_then_zeros": "channels > zeros",
    "zeros_then_channels": "zeros > channels",
    "channels_then_clusters": "channels > clusters",
    "clusters_then_channels": "clusters > channels",
    "zeros_then_clusters": "zeros > clusters",
    "clusters_then_zeros": "clusters > zeros",
    "clusters_without_zeros": "zeros > clusters without zeros",
    "zeros_then_aware": "zeros > QAT",
    "aware_without_zeros": "zeros > QAT without zeros",
    "clusters_then_aware": "clusters > QAT",
    "aware_without_clusters": "clusters > QAT without clusters",
    "zeros_then_training": "zeros > training",
    "clusters_then_training": "clusters > training",
    "fewer_zeros": "zeros > fewer zeros",
    "tfmot": "zeros > clusters > QAT",
    "all": "channels > zeros > clusters > QAT",
    "taught_tfmot": "taught zeros > taught clusters > taught QAT",
    "taught_all": "taught channels > taught zeros > taught clusters > taught QAT",
    "dense": "zeros in dense1 > clusters in dense1 > QAT",
    "taught_dense": "taught zeros in dense1 > taught clusters in dense1 > taught QAT",
    "taught_training": "taught training",
    "taught_channels": "taught channels",
    "taught_zeros": "taught zeros",
    "taught_clusters": "taught clusters",
    "taught_aware": "taught QAT",
}
RULES = (
    "**Channels first.** Of all steps only their removal saves arithmetic: {channels_macs} million MACs, not "
    "{base_macs}. Zeros made before are lost with it, {zeros_then_channels_zeros} are left of 80 %, and so are "
    "clusters, {clusters_then_channels_values} values in place of 16. Channels, then zeros: {channels_then_zeros}; the "
    "other way round, without the zeros: {zeros_then_channels}.",
    "**Alone and together.** Channels {channels}, clusters {clusters}, both {channels_then_clusters}. Zeros "
    "{zeros}, behind channels {channels_then_zeros}, with clusters behind them {zeros_then_clusters}.",
    "**Zeros before clusters.** Clusters keep zeros: {zeros_then_clusters}, {zeros_then_clusters_zeros} zeros. "
    "With `preserve_sparsity=False` {clusters_without_zeros_zeros} are left: {clusters_without_zeros}. Pruning "
    "after clustering leaves {clusters_then_zeros_values} values: {clusters_then_zeros}.",
    "**QAT last.** It keeps both: zeros {zeros_then_aware}, clusters {clusters_then_aware}. With "
    "`keep_sparsity=False` or `keep_clusters=False` it does not: {aware_without_zeros}, "
    "{aware_without_clusters}. Nothing of the other three can follow it: they refuse a quantization-aware "
    "model.",
    "**Clusters in int8.** After training it gives each output channel a scale of its own, and 16 values "
    "become {clusters_codes} codes: {clusters}. With QAT there are {clusters_then_aware_codes}: "
    "{clusters_then_aware}.",
    "**No plain training behind zeros or clusters.** A fine-tuning leaves {zeros_then_training_zeros} zeros and "
    "{clusters_then_training_values} values: {zeros_then_training}, {clusters_then_training}. Train within the "
    "technique.",
    "**Prune once, or more each time.** `final_sparsity=0.5` after 0.8 lets zeros grow back: "
    "{fewer_zeros_zeros} are left.",
    "**The whole of tfmot's chain.** Zeros, clusters, QAT: {tfmot}, {tfmot_times} times smaller than the float32 file, "
    "with {tfmot_zeros} zeros and {tfmot_values} values.",
    "**A teacher in each step.** The tfmot chain (zeros, clusters, QAT): {tfmot}; taught by the baseline: "
    "{taught_tfmot}. With channels before it: {all}; taught: {taught_all}, {taught_all_times} times smaller "
    "than the float32 file. Training alone: {training}; taught: {taught_training}.",
    "**Where the bytes are.** Zeros and clusters in the first dense layer, nearly none elsewhere: {dense}; "
    "taught: {taught_dense}, {taught_dense_times} times smaller than the float32 file, where the same steps in "
    "all layers give {taught_tfmot}.",
)
PREFACE = """# Combinations: what helps, what destroys, in which order

    python benchmarks/combinations.py --out benchmarks/combinations_rows.jsonl --write

Five families of techniques, alone, in pairs and in chains, on one network: the pretrained SimpleCNN for CIFAR-10 (JPEG
copy). Each step trains {epochs} epochs on the first 10,000 training images, by Adam from 5e-4; the files run on all of
the test split. Points are of accuracy against the float32 file of the baseline ({baseline}), bytes are zipped.
{seeds}

| step | what |
|---|---|
| channels | `PruneChannels(0.3)` |
| zeros | `PruneLowMagnitude(0.8)` |
| clusters | `Cluster(16)` |
| QAT | `QuantizeAware()`; where it is no step, the int8 file is quantized after training |
| training | `Train()`: fine-tuning, plainly |
| taught | the step trains under the baseline: `distilled(fit, baseline, SoftTargets(4), student_loss_weight=0.1)` |
| without ... | `preserve_sparsity=False`, `keep_sparsity=False`, `keep_clusters=False` |
| fewer zeros | `PruneLowMagnitude(0.5)` |
| in dense1 | as [cifar10](recipes.md): 91.5 % zeros in the first dense layer, 30 % in conv2; 16 values in the former |

Zeros are of the int8 file; values are those of its largest kernel that share a scale, codes all that are stored of it.
Lost: what a step promised, and the model or the file does not have. A recipe refuses most of these orders; here they
were measured past its check.

{table}

## Rules

{rules}

`tfcompress recipe NAME --plan` and the report say so where a recipe goes against the table, with its figures.

## Limits

One network of 136,874 weights, most of them in one dense layer, one data set, a fifth of its images, which the baseline
had seen before, and few epochs: 80 % zeros in every layer cost much after {epochs} of them, and longer training gives
back more (the recipe [cifar10](recipes.md) trains up to 40). A chain has had these epochs in each of its steps, so that
a later step also mends what an earlier one cost. Differences below the spread over the seeds are none. What holds for a
promise (zeros filled, values parted) follows from how the techniques train, and holds elsewhere; how many points and
bytes it costs does not. For your own model, [search](search.md) measures it.

Versions: {versions}. Machine: {machine}.
"""
