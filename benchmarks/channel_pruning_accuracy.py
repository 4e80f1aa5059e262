"""Channel pruning of ResNets on CIFAR-10: accuracy of each criterion at the same MACs, and latency of the int8 files.

    python benchmarks/channel_pruning_accuracy.py --data-dir FOLDER [--depth 8] [--epochs 24] [--speed-up 2.1]
        [--criteria L2 Random ...] [--fine-tune 6] [--teacher cifar10_fast_resnet] [--out FOLDER]
    python benchmarks/channel_pruning_accuracy.py --data-dir FOLDER --baseline cifar10_resnet8

Trains ResNet-DEPTH once (kept in --out, and taken from there the next time), then for each criterion removes channels
until 1/SPEED-UP of the multiply-accumulates is left, trains on under a teacher (the unpruned model, or with --teacher a
pretrained model, whose logits are cached on disk), exports int8 and measures. --fine-tune 0 shows what
the removal alone leaves. Random removal is the control: a criterion that does not beat it is marked. All latencies are
of one run on one machine, a thread, taking turns, by XNNPACK and by TFLite's built-in kernels: on a processor with AMX
the former are so fast that fewer multiplications change little. Results are kept in --out as they come; the same
command goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from evaluation import accuracy

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, set_seed, start_quietly
from tfcompress.measuring.measure import measure
from tfcompress.measuring.outputs import output_specs

CRITERIA = ("L2", "L1", "BatchNormScale", "Taylor", "GeometricMedian", "Activation", "Lamp", "Random")
NUM_LATENCY_ROUNDS = 5
KERNELS = {"XNNPACK": tfc.CpuXnnpack(), "built-in": tfc.CpuBuiltin()}
NUM_TIMED = 500  # examples; the times of a file need no more
NUM_VIEWS = 8  # of an image, in turn, under a teacher whose logits are cached
DEFAULTS = {"teacher": None, "temperature": 2.0, "labels": 0.5, "peak": 0.2, "weight_decay": 5e-3, "round_to": 8}


def fit_of(
    data: tfc.Data, epochs: int, peak: float, seed: int, weight_decay: float, bfloat16: bool, views: int = 0
) -> tfc.KerasFit:
    """Training of the baseline and of what was pruned."""
    return tfc.KerasFit(
        data,
        epochs,
        batch_size=128,
        learning_rate=tfc.OneCycle(peak, 0.25),
        augment=(tfc.Flip(), tfc.ShiftedCrop(4)),
        views=views,
        weight_decay=weight_decay,
        seed=seed,
        bfloat16=bfloat16,
    )


def baseline(data: tfc.Data, options: argparse.Namespace) -> keras.Model:
    """ResNet-DEPTH in float, trained, or taken from an earlier run or from the pretrained models."""
    if options.baseline:
        return tfc.Pretrained(options.baseline)()
    path = options.out / f"resnet{options.depth}.keras"
    if not path.exists():
        set_seed(0)
        fit = fit_of(data, options.epochs, 0.3, 0, 5e-4, options.bfloat16)
        tfc.save_model(tfc.Train().apply(tfc.resnet(options.depth), fit), path)
    return tfc.load_model(path)


def prune(
    model: keras.Model, data: tfc.Data, criterion: str, speed_up: float, options: argparse.Namespace
) -> tuple[keras.Model, float]:
    """The pruned model after fine-tuning, and its accuracy before it."""
    technique = tfc.PruneChannels(
        target=tfc.MacsTarget(at_most=1 / speed_up),
        criterion=getattr(tfc.criteria, criterion)(),
        round_to=options.round_to,
    )
    seen = {}

    class LookThenTrain:
        """The fit, after one look at what the removal alone left."""

        def __init__(self, fit: tfc.Fit | None):
            self.fit, self.steps = fit, fit.steps if fit else 0
            self.data = data

        def __call__(self, smaller: keras.Model, callbacks: tuple = ()) -> object:
            seen["before"] = accuracy(smaller, data)
            return self.fit(smaller, callbacks) if self.fit else None

    set_seed(1)
    fit = None
    if options.fine_tune:
        plain = fit_of(data, options.fine_tune, options.peak, 1, options.weight_decay, options.bfloat16, NUM_VIEWS)
        teacher = tfc.Pretrained(options.teacher)() if options.teacher else model
        loss = tfc.SoftTargets(options.temperature)
        fit = tfc.distilled(plain, teacher, loss, options.labels, cache=True)
    return technique.apply(model, LookThenTrain(fit)), seen["before"]


def row(model: keras.Model, data: tfc.Data, path: Path, before: float | None, seconds: float) -> dict[str, object]:
    """What there is to say of one model."""
    figures = measure(model)
    artifact = tfc.Int8().convert(model, data, path)
    found = KERNELS["XNNPACK"].run(artifact, data, {})
    return {
        "macs": figures.num_macs,
        "parameters": figures.num_parameters,
        "before": before,
        "accuracy": accuracy(model, data),
        "int8": found.metrics["accuracy"],
        "bytes": artifact.raw_bytes,
        "seconds": round(seconds),
    }


def about(options: argparse.Namespace) -> str:
    """What of the options sets one training apart from another."""
    words = [f"{options.fine_tune} epochs"]
    for name in ("teacher", "temperature", "labels", "peak", "weight_decay", "round_to"):
        if getattr(options, name) != DEFAULTS[name]:
            words.append(f"{name} {getattr(options, name)}")
    return " ".join(words)


def latencies(paths: dict[str, Path], model: keras.Model, data: tfc.Data, check: tfc.Check) -> dict[str, float]:
    """Median milliseconds of each file, all in turn, several rounds; their outputs are those of `model`."""
    found: dict[str, list[float]] = {name: [] for name in paths}
    for _ in range(NUM_LATENCY_ROUNDS):
        for name, path in paths.items():
            artifact = tfc.Artifact(path, "int8", 0, 0, "", outputs=output_specs(model))
            found[name].append(check.run(artifact, data, {}).latency.median_ms)
    return {name: float(np.median(times)) for name, times in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", help="prepared CIFAR-10 (default: TFDS_DATA_DIR)")
    parser.add_argument("--depth", type=int, default=8, help="of the ResNet (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=24, help="of the baseline (default: %(default)s)")
    parser.add_argument("--baseline", help="name of a shipped model to prune (default: one trained here)")
    parser.add_argument(
        "--speed-up", type=float, nargs="+", default=[2.1], help="MACs before over after (default: 2.1)"
    )
    parser.add_argument("--fine-tune", type=int, default=6, help="epochs after the removal (default: %(default)s)")
    parser.add_argument("--teacher", help="name of a shipped model that teaches (default: the unpruned model)")
    for name in ("temperature", "labels", "peak", "weight_decay"):
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=float, default=DEFAULTS[name], help="(default: %(default)s)"
        )
    parser.add_argument("--round-to", type=int, default=DEFAULTS["round_to"], help="(default: %(default)s)")
    parser.add_argument(
        "--bfloat16", action="store_true", help="trains in bfloat16 products, faster where there are such"
    )
    parser.add_argument("--criteria", nargs="+", default=CRITERIA, help="(default: all)")
    parser.add_argument("--out", type=Path, default=Path("saved_models/channel_pruning_accuracy"))
    options = parser.parse_args()
    start_quietly()
    options.out.mkdir(parents=True, exist_ok=True)
    data = tfc.Cifar10(options.data_dir)
    model = baseline(data, options)
    pruned = options.baseline or f"resnet{options.depth}"  # rows of another network are kept apart
    kept = options.out / f"{pruned}.json"
    rows = json.loads(kept.read_text()) if kept.exists() else {}
    wanted = [("baseline", 1.0)] + [(c, s) for s in options.speed_up for c in options.criteria]
    paths = {}
    for criterion, speed_up in wanted:
        name = criterion if criterion == "baseline" else f"{criterion} {speed_up:g}x {about(options)}"
        paths[name] = options.out / f"{pruned}-{name.replace(' ', '-')}-int8.tflite"
        if name not in rows or not paths[name].exists():
            begin = time.monotonic()
            smaller, before = (model, None) if name == "baseline" else prune(model, data, criterion, speed_up, options)
            rows[name] = row(smaller, data, paths[name], before, time.monotonic() - begin)
            kept.write_text(json.dumps(rows, indent=2))
            print(name, rows[name], flush=True)
    few = tfc.Cifar10(options.data_dir, num_examples=NUM_TIMED)
    report(
        rows, {kernels: latencies(paths, model, few, check) for kernels, check in KERNELS.items()}, paths, data.title
    )


def report(rows: dict, times: dict[str, dict[str, float]], paths: dict[str, Path], title: str) -> None:
    """The table, in Markdown."""
    base = rows["baseline"]
    print(f"\n{title}; latency of the int8 file, one thread, median of {NUM_LATENCY_ROUNDS} rounds in turn\n")
    timed = "".join(f" ms, {kernels} | against the unpruned |" for kernels in times)
    print(f"| criterion | MACs | parameters | before training | float32 | int8 | int8 bytes |{timed}")
    print("|" + "---|" * (7 + 2 * len(times)))
    for name in paths:
        found = rows[name]
        before = "" if found["before"] is None else f"{found['before']:.2%}"
        control = rows.get(" ".join(["Random", *name.split(" ")[1:]]))
        note = " (no better than random)" if _loses(name, found, control) else ""
        print(
            f"| {name}{note} | {found['macs'] / 1e6:.2f} M ({base['macs'] / found['macs']:.2f}x) "
            f"| {found['parameters']:,} | {before} | {found['accuracy']:.2%} ({_points(found, base):+.2f}) "
            f"| {found['int8']:.2%} | {found['bytes']:,} |"
            + "".join(f" {each[name]:.4f} | {each['baseline'] / each[name]:.2f}x |" for each in times.values())
        )


def _loses(name: str, found: dict, control: dict | None) -> bool:
    return control is not None and not name.startswith("Random") and found["accuracy"] <= control["accuracy"]


def _points(found: dict, base: dict) -> float:
    return 100 * (found["accuracy"] - base["accuracy"])


if __name__ == "__main__":
    main()
