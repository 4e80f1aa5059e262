"""python benchmarks/combinations.py --out ROWS [--seeds 0 1 2] [--write]: techniques combined, in which order.

From the pretrained SimpleCNN for CIFAR-10, each chain of CHAINS is trained on the first 10,000 training images, a few
epochs a step, and exported as float32 and int8; both files run on the whole test split. Steps that are trained again
after an earlier step may destroy what it made: such chains are measured too, past the check of a recipe that refuses
them. What chains begin with alike is trained once. ROWS has a line for each chain and seed; one that is there is not
made again. --write makes docs/combinations.md of the rows, and the table that the plan of a recipe reads.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import combinations_page
import numpy as np

import tfcompress as tfc
from tfcompress.running.versions import machine, versions

TEACHER = "cifar10_simple_cnn"
NUM_EXAMPLES, EPOCHS, BATCH, RATE = 10_000, 3, 128, 5e-4
FEW = {"conv1": 0.0, "conv2": 0.3, "logits": 0.0}  # as recipes/cifar10.py: the bytes are in dense1
STEPS: dict[str, Any] = {
    "channels": tfc.PruneChannels(0.3),
    "zeros": tfc.PruneLowMagnitude(0.8),
    "clusters": tfc.Cluster(16),
    "QAT": tfc.QuantizeAware(),
    "training": tfc.Train(),
    # What destroys: the settings under which a step forgets what was made before it.
    "fewer zeros": tfc.PruneLowMagnitude(0.5),
    "clusters without zeros": tfc.Cluster(16, preserve_sparsity=False),
    "QAT without zeros": tfc.QuantizeAware(keep_sparsity=False),
    "QAT without clusters": tfc.QuantizeAware(keep_clusters=False),
    # Those of recipes/cifar10.py.
    "zeros in dense1": tfc.PruneLowMagnitude(0.915, tfc.PolynomialDecay(end=0.5), per_layer=FEW),
    "clusters in dense1": tfc.Cluster(16, per_layer={"conv*": None, "logits": None}),
}
TAUGHT = "taught "  # before a step: under the baseline as its teacher
# In the order of the page. A chain's beginning that is no row of its own is trained all the same.
CHAINS = (
    *("", "training", "taught training"),
    *("channels", "zeros", "clusters", "QAT"),
    *("taught channels", "taught zeros", "taught clusters", "taught QAT"),
    *("channels > zeros", "zeros > channels", "channels > clusters", "clusters > channels"),
    *("channels > QAT", "QAT > channels", "zeros > clusters", "clusters > zeros", "zeros > clusters without zeros"),
    *("zeros > QAT", "zeros > QAT without zeros", "QAT > zeros"),
    *("clusters > QAT", "clusters > QAT without clusters", "QAT > clusters"),
    *("zeros > training", "clusters > training", "zeros > fewer zeros"),
    *("taught channels > taught QAT", "taught zeros > taught QAT", "taught zeros > taught clusters"),
    *(
        "zeros > clusters > QAT",
        "channels > zeros > QAT",
        "zeros > channels > QAT",
        "channels > zeros > clusters > QAT",
    ),
    *("taught zeros > taught clusters > taught QAT", "zeros in dense1 > clusters in dense1 > QAT"),
    "taught channels > taught zeros > taught clusters > taught QAT",
    "taught zeros in dense1 > taught clusters in dense1 > taught QAT",
)


class Models:
    """The models of chains under one seed, each trained once, with what their steps promised."""

    def __init__(self, data: tfc.Data, seed: int) -> None:
        self.data, self.seed = data, seed
        self.baseline = tfc.Pretrained(TEACHER)()
        self.made: dict[str, tuple[Any, tuple[Any, ...], float]] = {"": (self.baseline, (), 0.0)}

    def of(self, chain: str) -> tuple[Any, tuple[Any, ...], float]:
        """The model, all promises on the way to it, and the seconds of the last step."""
        from tfcompress.backend.tensorflow import keras, set_seed
        from tfcompress.running.stage import applied

        if chain not in self.made:
            before, _, step = chain.rpartition(" > ")
            model, promises, _ = self.of(before)
            keras.backend.clear_session()
            set_seed(self.seed)
            started, technique = time.monotonic(), STEPS[step.removeprefix(TAUGHT)]
            promises = (*promises, *technique.promises(model))
            model = applied(technique, model, self.data, self.fit(step.startswith(TAUGHT)))
            self.made[chain] = model, promises, time.monotonic() - started
        return self.made[chain]

    def fit(self, taught: bool) -> tfc.Fit:
        """How each step trains: as `tfc.compress` does it, on images and their mirror images."""
        fit = tfc.KerasFit(
            self.data,
            EPOCHS,
            batch_size=BATCH,
            learning_rate=tfc.CosineDecay(RATE),
            optimizer="adam",
            augment=(tfc.Flip(),),
            dropout=0.05,
            seed=self.seed,
        )
        return tfc.distilled(fit, self.baseline, tfc.SoftTargets(4.0), student_loss_weight=0.1) if taught else fit


def row(models: Models, chain: str) -> dict[str, Any]:
    """One line: the files of a chain, measured; or why there is none."""
    from tfcompress.core.types import INT8_RANGES
    from tfcompress.measuring.measure import kernels, measure
    from tfcompress.measuring.promises import judge_file, judge_model
    from tfcompress.measuring.tflite import read

    found: dict[str, Any] = {"chain": chain, "seed": models.seed}
    try:
        model, promises, seconds = models.of(chain)
    except tfc.UnsupportedModel as error:
        return {**found, "refused": str(error)}
    aware = any(promise.kind == INT8_RANGES for promise in promises)
    figures = measure(model)
    found |= {"seconds": round(seconds, 1), "macs": figures.num_macs, "parameters": figures.num_parameters, "files": {}}
    with tempfile.TemporaryDirectory() as folder:
        for exporter in (tfc.Int8(),) if aware or " > " in chain else (tfc.Float32(), tfc.Int8()):
            artifact = exporter.convert(model, models.data, Path(folder) / f"{exporter.mode}.tflite")
            finding = tfc.CpuXnnpack().run(artifact, models.data, {})
            found["files"][exporter.mode] = {
                "accuracy": finding.metrics["accuracy"],
                "zipped": artifact.zipped_bytes,
                "raw": artifact.raw_bytes,
            }
        contents = read(artifact.path)
    largest = max(contents.kernels, key=lambda kernel: kernel.values.size)
    sizes = {name: int(values.size) for name, values in kernels(model).items()}
    found["zeros"] = round(contents.sparsity, 4)
    found["values"], found["codes"] = largest.num_values, len(np.unique(largest.values))
    # Of two promises of zeros the file is held to the later one; the model is held to each.
    found["promises"] = [verdict_of(each) for each in judge_file(promises, contents, sizes)]
    found["of_the_model"] = [verdict_of(judge_model(each, figures, sizes)) for each in promises]
    return found


def verdict_of(verdict: Any) -> dict[str, Any]:
    """What was promised, and what there is."""
    numbers = {"promised": round(verdict.promised, 4), "measured": round(verdict.measured, 4)}
    return {"kind": verdict.kind, **numbers, "kept": verdict.kept}


def add(path: Path, found: dict[str, Any]) -> None:
    """Adds a line."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(found) + "\n")
    print(found, flush=True)


def main() -> None:
    """Adds rows to --out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="a file of rows, which is added to")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="(default: 0 1 2)")
    parser.add_argument("--write", action="store_true", help="make the page and the plan's table of the rows")
    options = parser.parse_args()
    if options.write:
        combinations_page.write(options.out, CHAINS)
        return
    from tfcompress.backend.tensorflow import start_quietly

    # One thread: sums are then in the same order on any machine, and other work disturbs less.
    os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": "1"}
    start_quietly()
    data = tfc.Cifar10(num_examples=NUM_EXAMPLES)
    if not options.out.exists():
        add(options.out, {"about": {"epochs": EPOCHS, "versions": versions(), "machine": machine()}})
    for seed in options.seeds:
        models, done = Models(data, seed), combinations_page.read_rows(options.out)
        for chain in sorted(CHAINS, key=lambda chain: TAUGHT in chain):  # the plan's table is made of the others
            if not any(each["chain"] == chain and each["seed"] == seed for each in done):
                add(options.out, row(models, chain))


if __name__ == "__main__":
    main()
