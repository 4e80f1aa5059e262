"""What a teacher is worth: a student trained alone, and under a teacher by each loss, at the same epochs and seeds.

    python benchmarks/distillation_pays.py --data-dir FOLDER [--student simple_cnn] [--epochs 20] [--seeds 3]
        [--losses SoftTargets ...] [--num-examples N] [--shift PIXELS] [--no-flip] [--bfloat16] [--out FOLDER]

The student learns CIFAR-10 alone, then under the teacher that comes with tfcompress, once for each seed. The table
gives the mean of the seeds' accuracies on the test split, their spread (least to largest), and the gain over learning
alone. A teacher's logits are cached on disk for the losses that compare logits. Results are kept in --out as they come;
the same command goes on where it stopped.
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

STUDENTS = {"simple_cnn": lambda: tfc.simple_cnn(dropout=0.2), "resnet8": lambda: tfc.resnet(8)}
# The layers that losses of layers compare: (teacher's, student's), maps of one height and width, and last features.
MAPS = {"simple_cnn": ("stage2_add", "pool2"), "resnet8": ("stage2_add", "stage3_block1_relu")}
FEATURES = {"simple_cnn": ("flatten", "dense1"), "resnet8": ("flatten", "pool")}
PEAK = {"simple_cnn": 0.05, "resnet8": 0.2}
NUM_VIEWS = 4


def losses(student: str, temperature: float) -> dict[str, object]:
    """Every loss; those of layers and of relations are added to soft targets, as their papers do."""
    soft = tfc.SoftTargets(temperature)
    maps, features = MAPS[student], FEATURES[student]
    return {
        "SoftTargets": soft,
        "SoftTargets reversed": tfc.SoftTargets(temperature, direction="student||teacher"),
        "Reconstruction": tfc.losses.Reconstruction(),
        "MeanSquaredLogits": tfc.losses.MeanSquaredLogits(),
        "DecoupledTargets": tfc.losses.DecoupledTargets(temperature),
        "Correlation": tfc.losses.Correlation(temperature),
        "SoftTargets + Relational": tfc.losses.WeightedSum(((soft, 1.0), (tfc.losses.Relational(*features), 1.0))),
        "SoftTargets + Hint": tfc.losses.WeightedSum(((soft, 1.0), (tfc.losses.Hint(*maps), 1.0))),
        "SoftTargets + AttentionTransfer": tfc.losses.WeightedSum(
            ((soft, 1.0), (tfc.losses.AttentionTransfer(*maps), 10.0))
        ),
    }


def train(student: str, loss: object | None, data: tfc.Data, options: argparse.Namespace, seed: int) -> keras.Model:
    """The student after training, alone where `loss` is None."""
    keras.backend.clear_session()
    set_seed(seed)
    fit = tfc.KerasFit(
        data,
        options.epochs,
        batch_size=128,
        learning_rate=tfc.OneCycle(PEAK[student], 0.25),
        augment=(
            *([] if options.no_flip else [tfc.Flip()]),
            *([tfc.ShiftedCrop(options.shift)] if options.shift else []),
        ),
        views=NUM_VIEWS,
        weight_decay=options.weight_decay,
        bfloat16=options.bfloat16,
    )
    if loss is not None:
        compares_layers = any(hasattr(part, "layers") for part, _ in getattr(loss, "parts", ()))
        fit = tfc.distilled(fit, tfc.Pretrained(options.teacher)(), loss, options.labels, cache=not compares_layers)
    return tfc.Train().apply(STUDENTS[student](), fit)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--data-dir", help="prepared CIFAR-10 (default: TFDS_DATA_DIR)")
    add("--student", choices=STUDENTS, default="simple_cnn")
    add("--teacher", default="cifar10_fast_resnet", help="name of a shipped model (default: %(default)s)")
    add("--epochs", type=int, default=20)
    add("--seeds", type=int, default=3)
    add("--losses", nargs="+", default=["SoftTargets"], help="names as in the table, or all (default: SoftTargets)")
    add("--num-examples", type=int, help="train and evaluate on so many (default: all)")
    add("--temperature", type=float, default=4.0)
    add("--labels", type=float, default=0.1, help="student_loss_weight (default: %(default)s)")
    add("--shift", type=int, default=0, help="of images, beside flips: at most so many pixels (default: %(default)s)")
    add("--no-flip", action="store_true", help="images without mirror images")
    add("--weight-decay", type=float, default=5e-4)
    add("--bfloat16", action="store_true", help="trains in bfloat16 products, faster where there are such")
    add("--out", type=Path, default=Path("saved_models/distillation_pays"))
    options = parser.parse_args()
    start_quietly()
    options.out.mkdir(parents=True, exist_ok=True)
    data = tfc.Cifar10(options.data_dir, num_examples=options.num_examples)
    every = losses(options.student, options.temperature)
    chosen = list(every) if options.losses == ["all"] else options.losses
    about = [options.teacher, options.epochs, options.temperature, options.labels, options.shift]
    kept = options.out / f"{options.student}.json"
    rows = json.loads(kept.read_text()) if kept.exists() else {}
    found: dict[str, list[float]] = {}
    for name in ("alone", *chosen):
        for seed in range(options.seeds):
            settings = [options.epochs, options.shift] if name == "alone" else about
            how = [options.weight_decay, options.no_flip, options.bfloat16]
            key = json.dumps([name, seed, *how, *settings])
            if key not in rows:
                begin = time.monotonic()
                model = train(options.student, every.get(name), data, options, seed)
                tfc.save_model(model, options.out / f"{options.student}-{name.replace(' ', '')}-{seed}.keras")
                rows[key] = accuracy(model, data)
                kept.write_text(json.dumps(rows, indent=1))
                print(f"{name}, seed {seed}: {rows[key]:.2%} after {time.monotonic() - begin:.0f} s", flush=True)
            found.setdefault(name, []).append(rows[key])
    report(found, options, data.title)


def report(found: dict[str, list[float]], options: argparse.Namespace, title: str) -> None:
    """The table, in Markdown."""
    print(f"\n{options.student}, {options.epochs} epochs, {options.seeds} seeds, {title}; teacher {options.teacher}\n")
    print("| loss | accuracy, mean | least to largest | above alone, points |")
    print("|---|---|---|---|")
    alone = np.mean(found["alone"])
    for name, values in found.items():
        gain = "" if name == "alone" else f"{100 * (np.mean(values) - alone):+.2f}"
        print(f"| {name} | {np.mean(values):.2%} | {min(values):.2%} to {max(values):.2%} | {gain} |")


if __name__ == "__main__":
    main()
