"""What each part of the recipe `cifar10` is worth: all of it, and all but one part at a time.

    python benchmarks/cifar10_ablation.py --data-dir FOLDER [--bfloat16] [--seeds 0 1 2] [--set NAME=VALUE ...]

Every row goes the way of recipes/cifar10.py with its settings, less what the row's name says, from the same baseline
to an int8 file, which runs on all test examples. Bytes are zipped, as a phone downloads them; smaller is against
the float32 file of the baseline. Results are kept in --out as they come; the same command goes on where it stopped.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tfcompress as tfc
from tfcompress.backend.tensorflow import set_seed, start_quietly
from tfcompress.cli import recipe_file
from tfcompress.core.contracts import resolved
from tfcompress.running.stage import applied

Stages = tuple[tfc.Stage, ...]


def without_stage(name: str) -> Callable[[Stages], Stages]:
    """The other stages."""
    return lambda stages: tuple(stage for stage in stages if stage.name != name)


def with_fits(change: Callable[[Any], Any]) -> Callable[[Stages], Stages]:
    """The stages that are taught, with their fits changed."""
    return lambda stages: tuple(
        dataclasses.replace(stage, fit=change(stage.fit)) if isinstance(stage.fit, tfc.DistilledFit) else stage
        for stage in stages
    )


def without_flips(fit: Any) -> Any:
    """A taught fit on the images without augmentation."""
    return dataclasses.replace(fit, fit=dataclasses.replace(fit.fit, augment=()))


def with_own_dropout(fit: Any) -> Any:
    """A taught fit under as much dropout as the baseline's."""
    return dataclasses.replace(fit, fit=dataclasses.replace(fit.fit, dropout=None))


VARIANTS: dict[str, Callable[[Stages], Stages]] = {
    "all parts": lambda stages: stages,
    "its baseline as the teacher": with_fits(lambda fit: dataclasses.replace(fit, teacher="baseline")),
    "no teacher": with_fits(lambda fit: fit.fit),
    "no mirror images after the baseline": with_fits(without_flips),
    "the baseline's dropout throughout": with_fits(with_own_dropout),
    "no pruning": without_stage("pruned"),
    "no clusters": without_stage("clustered"),
    "no quantization-aware training": without_stage("quantized"),
    "neither pruning nor clusters": lambda stages: without_stage("pruned")(without_stage("clustered")(stages)),
}


class Models:
    """Models by the stages that made them, so that what two rows share is made once."""

    def __init__(self, data: tfc.Data, seed: int) -> None:
        self.data, self.seed = data, seed
        self.made: dict[str, Any] = {}

    def of(self, stages: Stages) -> dict[str, Any]:
        """The models of all `stages`, by name."""
        found: dict[str, Any] = {}
        for number, stage in enumerate(stages, start=1):
            key = repr(stages[:number])
            if key not in self.made:
                set_seed(self.seed)
                start = stage.start() if stage.start else found[stages[number - 2].name]
                self.made[key] = applied(stage.technique, start, self.data, resolved(stage.fit, found))
            found[stage.name] = self.made[key]
        return found


def result(model: Any, exporter: Any, data: tfc.Data, path: Path) -> dict[str, float]:
    """A file's accuracy and zipped bytes."""
    artifact = exporter.convert(model, data, path)
    finding = tfc.CpuXnnpack().run(artifact, data, {})
    return {"accuracy": finding.metrics["accuracy"], "zipped": artifact.zipped_bytes}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", help="prepared CIFAR-10 (default: TFDS_DATA_DIR)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="(default: 0)")
    parser.add_argument("--bfloat16", action="store_true", help="trains in bfloat16 products")
    parser.add_argument("--set", dest="settings", nargs="+", default=[], metavar="NAME=VALUE", help="of the recipe")
    parser.add_argument("--out", type=Path, default=Path("saved_models/cifar10_ablation"))
    options = parser.parse_args()
    start_quietly()
    options.out.mkdir(parents=True, exist_ok=True)
    kept = options.out / "ablation.json"
    rows = json.loads(kept.read_text()) if kept.exists() else {}
    file = recipe_file.load("cifar10")
    table: dict[str, list[dict[str, float]]] = {}
    for seed in options.seeds:
        settings = dict(item.split("=", 1) for item in options.settings)
        settings |= {"seed": str(seed), "bfloat16": str(options.bfloat16)}
        settings |= {"data_dir": options.data_dir} if options.data_dir else {}
        recipe = file.recipe(file.settings(settings))
        models, stages = Models(recipe.data, seed), recipe.stages
        baseline = next(number for number, stage in enumerate(stages, start=1) if stage.name == "baseline")
        for title, change in {"float32 baseline": None, **VARIANTS}.items():
            key = json.dumps([title, sorted((name, text) for name, text in settings.items() if name != "data_dir")])
            if key not in rows:
                chosen = change(stages) if change else stages[:baseline]
                model = models.of(chosen)[chosen[-1].name]
                exporter = tfc.Int8() if change else tfc.Float32()
                rows[key] = result(model, exporter, recipe.data, options.out / "model.tflite")
                kept.write_text(json.dumps(rows, indent=1))
                print(title, seed, rows[key], flush=True)
            table.setdefault(title, []).append(rows[key])
    report(table, options.seeds, recipe.data.title)


def report(table: dict[str, list[dict[str, float]]], seeds: list[int], title: str) -> None:
    """The table, in Markdown: means over the seeds."""
    mean = {
        name: {what: statistics.mean(found[what] for found in rows) for what in rows[0]} for name, rows in table.items()
    }
    whole, base = mean["all parts"], mean["float32 baseline"]
    print(f"\n{title}, seeds {', '.join(map(str, seeds))}; {base['accuracy']:.2%} is float32, the others int8 files\n")
    print("| | accuracy | against all parts | zipped bytes | smaller than float32 |\n|---|---|---|---|---|")
    for name, found in mean.items():
        points = 100 * (found["accuracy"] - whole["accuracy"])
        times = base["zipped"] / found["zipped"]
        print(f"| {name} | {found['accuracy']:.2%} | {points:+.2f} | {found['zipped']:,.0f} | {times:.1f}x |")


if __name__ == "__main__":
    main()
