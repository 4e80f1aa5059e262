"""Static int8 files in the interpreter for microcontrollers, and which target takes which file.

    python benchmarks/microcontroller.py [--shared ../shared] [--out docs/microcontroller_table.md]

First table: each model is exported as `--target mcu` does, and run by LiteRT's reference kernels and by tflite-micro
over the same test examples. "same" is the share with the same class, or of numbers within one step of their
scale; the arena is the least in which the file runs; the C source is compiled by gcc; the NPU's figures are Vela's
estimates for an Ethos-U55. Second table: files that are hard for some target, under all four. Models and data of
../shared are left out, with a line that says so, where that folder is not there.
"""

from __future__ import annotations

import argparse
import dataclasses
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, set_seed, start_quietly
from tfcompress.core.errors import TfcompressError
from tfcompress.export.apps.ends import Rule
from tfcompress.export.apps.for_app import run_stored
from tfcompress.export.c_source import c_source
from tfcompress.measuring.outputs import output_specs
from tfcompress.measuring.targets.target import PRESETS, Target
from tfcompress.targeting import checks_for, for_target

L = keras.layers
NUM_TEST = 1000


def keywords(shared: Path) -> tuple[Any, tfc.Data]:
    """The recipe's DS-CNN on spoken digits, trained for some epochs."""
    data = tfc.SpokenDigits(str(shared / "data/speech/fsdd.npz"))
    return _trained(tfc.ds_cnn(data.input_shape, data.num_classes, 40), data, 8), data


def resnet8(shared: Path) -> tuple[Any, tfc.Data]:
    """MLPerf Tiny's ResNet-8 on CIFAR-10 (JPEG copy), which takes 0..255."""
    data = tfc.Cifar10(str(shared / "data/tfds"), num_examples=NUM_TEST)
    return tfc.load_model(shared / "models/mlperf_tiny/resnet8_cifar10.h5"), _plain(data, 1.0)


def visual_wake_words(shared: Path) -> tuple[Any, tfc.Data]:
    """MLPerf Tiny's MobileNet on CIFAR-10's pictures, three times as large: in 0..1."""
    data = tfc.Cifar10(str(shared / "data/tfds"), num_examples=NUM_TEST)
    return tfc.load_model(shared / "models/mlperf_tiny/mobilenet_vww.h5"), _plain(data, 1 / 255, 3, 2)


def lstm(shared: Path) -> tuple[Any, tfc.Data]:
    """A Keras 3 LSTM over the frames of spoken digits, trained for some epochs."""
    import keras as keras3

    spoken = tfc.SpokenDigits(str(shared / "data/speech/fsdd.npz"))
    splits = [_frames(spoken, split) for split in (spoken.train, spoken.test)]
    data = tfc.dataset(*splits, title="frames of spoken digits", task=tfc.Classification())
    keras3.utils.set_random_seed(0)
    x = keras3.Input(splits[0][0].shape[1:], name="frames")
    model = keras3.Model(x, keras3.layers.Dense(10, name="digit")(keras3.layers.LSTM(32, name="memory")(x)))
    return _trained(tfc.load_model(model), data, 6), data


def autoencoder(shared: Path) -> tuple[Any, tfc.Data]:
    """A dense autoencoder of windows of noisy waves, trained for some epochs."""
    rng = np.random.default_rng(0)
    waves = [np.sin(np.arange(64) * rng.uniform(0.1, 0.4) + rng.uniform(0, 6)) for _ in range(2 * NUM_TEST)]
    windows = (np.stack(waves) + rng.normal(size=(2 * NUM_TEST, 64)) / 10).astype("float32")
    halves = [(half, half) for half in np.split(windows, 2)]
    data = tfc.dataset(*halves, title="waves", task=tfc.Reconstruction())
    return _trained(tfc.autoencoder(64), data, 6), data


def detector_heads() -> Any:
    """Like MTCNN's first network: PReLU, a score and a box for each place."""
    x = keras.Input((24, 24, 3), name="picture")
    y = L.PReLU(shared_axes=[1, 2], name="prelu1")(L.Conv2D(10, 3, name="conv1")(x))
    y = L.PReLU(shared_axes=[1, 2], name="prelu2")(L.Conv2D(16, 3, name="conv2")(L.MaxPooling2D()(y)))
    return keras.Model(x, [L.Softmax(name="score")(L.Conv2D(2, 1, name="to_score")(y)), L.Conv2D(4, 1, name="box")(y)])


def u_net() -> Any:
    """Two steps down and up, by transposed convolutions."""
    x = keras.Input((32, 32, 3), name="picture")
    one = L.Conv2D(8, 3, padding="same", activation="relu", name="down1")(x)
    two = L.Conv2D(16, 3, padding="same", activation="relu", name="down2")(L.MaxPooling2D()(one))
    up = L.Conv2DTranspose(8, 2, strides=2, activation="relu", name="up")(two)
    return keras.Model(x, L.Conv2D(1, 1, activation="sigmoid", name="mask")(L.Concatenate(name="skip")([up, one])))


def two_outputs() -> Any:
    """A class and a one-hot row of the class, of which TFLite computes one in float."""
    from tfcompress.backend.tensorflow import tf

    x = keras.Input((8, 8, 1), name="picture")
    y = L.Dense(4, name="class")(L.Flatten()(L.Conv2D(4, 3, activation="relu", name="conv")(x)))
    angle = L.Lambda(lambda value: tf.cos(value), name="angle")(L.Dense(2, name="turn")(L.Flatten()(x)))
    return keras.Model(x, [y, angle])


RUN: dict[str, Callable[[Path], tuple[Any, tfc.Data]]] = {
    "keywords, DS-CNN": keywords,
    "ResNet-8": resnet8,
    "MobileNet, visual wake words": visual_wake_words,
    "Keras 3 LSTM, 32 units": lstm,
    "autoencoder": autoencoder,
}
TAKEN = {"detector heads": detector_heads, "U-Net, transposed convolutions": u_net, "two outputs": two_outputs}


def run_row(make: Callable[[Path], tuple[Any, tfc.Data]], shared: Path, folder: Path) -> list[str]:
    """A line of the first table."""
    model, data = make(shared)
    exporter = for_target(tfc.Int8(), Target("mcu"))
    made = exporter.convert(model, data, folder / "model.tflite")
    on_cpu = tfc.CpuReference().run(made, data, {})
    on_board = tfc.Microcontroller().run(made, data, {"cpu": on_cpu.outputs})
    if on_cpu.outputs is None or on_board.outputs is None:
        return [on_cpu.reason or on_board.reason, *["-"] * 8]
    ((name, ours),), (theirs,) = on_cpu.outputs.items(), on_board.outputs.values()
    is_class = isinstance(data.task, tfc.Classification)
    same = _same_class(ours, theirs) if is_class else _within_a_step(ours, theirs, made.path)
    estimates = tfc.Vela().estimates(made) if tfc.Vela().missing() is None else "not installed"
    npu = estimates if isinstance(estimates, str) else f"{estimates.cycles:,}, {estimates.sram_bytes:,}"
    largest = on_board.agreement["cpu"][name].largest_difference
    figures = [f"{len(ours):,}", same, f"{largest:.2g}", on_board.status]
    sizes = [f"{on_board.arena_bytes:,}", f"{made.raw_bytes:,}"]
    return [*figures, *sizes, _compiled(made.path, folder), _raw(model, data, made.path, folder), npu]


def _raw(model: Any, data: tfc.Data, plain: Path, folder: Path) -> str:
    """How far the file for raw bytes is from the plain one on scaled inputs, over the test examples, in steps."""
    stored, _ = data.test.batch(np.arange(len(data.test)))
    if np.asarray(stored).dtype != np.uint8:
        return "-"
    raw = tfc.ForApp(for_target(tfc.Int8(), Target("mcu"))).convert(model, data, folder / "raw.tflite")
    rule, examples = Rule((float(data.scale),), (float(data.offset),)), {"picture": np.asarray(stored)}
    (expected,), (step,) = run_stored(plain.read_bytes(), examples, rule, False)
    (found,), _ = run_stored(raw.path.read_bytes(), examples, rule, True)
    return f"{np.abs(found - expected).max() / step:.0f} over {len(found):,}"


def taken_row(model: Any, folder: Path) -> list[str]:
    """A line of the second table: what each target says to the file that is made for it."""
    shape = model.inputs[0].shape[1:]
    bytes_ = np.random.default_rng(0).integers(0, 256, (64, *shape)).astype("uint8")
    data = _Bytes(bytes_)
    cells = []
    for name in PRESETS:
        try:
            made = for_target(tfc.Int8(), Target(name)).convert(model, data, folder / f"{name}.tflite")
        except TfcompressError as error:
            cells.append(f"not exported: {error}")
            continue
        *others, rules = checks_for(name)
        refused = rules.run(made, data, {}).reason
        said = [] if refused else [_words(check.run(made, data, {}, _tasks(model))) for check in others]
        cells.append(
            f"refused: {refused.partition('does not take ')[2]}" if refused else f"accepted; {', '.join(said)}"
        )
    return cells


def _words(found: Any) -> str:
    """What a check says of a file that is compared with no other run: whether it runs."""
    if found.num_examples or found.status == "pass":
        arena = f" in an arena of {found.arena_bytes:,}" if found.arena_bytes else ""
        return f"{found.check} runs it{arena}" if found.num_examples else f"{found.check} takes it"
    return f"{found.check} {'refuses' if found.refusals else found.status}: {found.reason}"


def _tasks(model: Any) -> Any:
    """Numbers in each output, and nothing to hold them against."""
    specs = output_specs(model)
    one = tfc.Regression()
    task = tfc.ByOutput(tasks={spec.name: one for spec in specs}) if len(specs) > 1 else one
    return dataclasses.replace(task.bind(specs), metrics=())


@dataclasses.dataclass(frozen=True)
class _Bytes(tfc.Data):
    """Pictures of noise; nothing is learned from them."""

    pictures: Any
    title: str = "noise"
    scale: float = 1 / 255

    def load(self) -> Any:
        from tfcompress.core.examples.source import Split

        split = Split(self.pictures, np.zeros(len(self.pictures), "int64"))
        return split, split


@dataclasses.dataclass(frozen=True)
class _Scaled(tfc.Data):
    """Pictures and classes, in a scale of one's own."""

    splits: Any
    scale: float = 1.0
    num_classes: int = 10
    title: str = "CIFAR-10 (JPEG copy)"
    seen_as: str | None = "float32"

    def load(self) -> Any:
        return self.splits


def _plain(data: tfc.Data, scale: float, times: int = 1, num_classes: int = 10) -> tfc.Data:
    from tfcompress.core.examples.source import Split

    def enlarged(split: Any) -> Split:
        inputs = np.asarray(split.batch(np.arange(min(NUM_TEST, len(split))))[0])
        targets = np.asarray(split.batch(np.arange(min(NUM_TEST, len(split))))[1])
        return Split(inputs.repeat(times, 1).repeat(times, 2), targets % num_classes)

    return _Scaled((enlarged(data.train), enlarged(data.test)), scale, num_classes)


def _frames(data: tfc.Data, split: Any) -> tuple[np.ndarray, np.ndarray]:
    stored, targets = split.batch(np.arange(len(split)))
    return np.asarray(data.model_inputs(stored), "float32")[..., 0], np.asarray(targets)


def _trained(model: Any, data: tfc.Data, epochs: int) -> Any:
    fit = tfc.KerasFit(data, epochs, learning_rate=tfc.CosineDecay(0.005), optimizer="adam")
    return tfc.Train().apply(model, fit)


def _same_class(ours: np.ndarray, theirs: np.ndarray) -> str:
    return f"{np.mean(ours.argmax(-1) == theirs.argmax(-1)):.2%}"


def _within_a_step(ours: np.ndarray, theirs: np.ndarray, path: Path) -> str:
    """The share of numbers, and of examples of which all numbers are, within one step of the output's scale."""
    from tfcompress.measuring.targets.file_operations import ends_of

    near = np.abs(ours - theirs) <= 1.01 * ends_of(path)[1][0].scale
    return f"{near.mean():.2%} of numbers, {near.reshape(len(near), -1).all(-1).mean():.2%} of examples"


def _compiled(path: Path, folder: Path) -> str:
    header, source = c_source(path, "model").write(folder / "c")
    command = ["gcc", "-Wall", "-Wextra", "-Werror", "-c", source.name, "-o", "model.o"]
    ended = subprocess.run(command, cwd=header.parent, capture_output=True)
    return "compiles" if ended.returncode == 0 else "does not compile"


def page(shared: Path) -> str:
    """Both tables."""
    first = ["model", "examples", "same", "largest difference", "check", "arena, bytes", "file, bytes", "C source"]
    first.append("uint8 file on raw bytes, difference in steps")
    runs, notes = [], []
    for name, make in RUN.items():
        set_seed(0)
        with tempfile.TemporaryDirectory() as folder:
            try:
                runs.append([name, *run_row(make, shared, Path(folder))])
            except (tfc.DataUnavailable, tfc.UnreadableModel, FileNotFoundError) as error:
                notes.append(f"{name} was left out: {' '.join(str(error).split())}")
                continue
        print(runs[-1], flush=True)
    taken = []
    for name, build in TAKEN.items():
        set_seed(0)
        with tempfile.TemporaryDirectory() as folder:
            taken.append([name, *taken_row(build(), Path(folder))])
        print(taken[-1], flush=True)
    seen = ", ".join(f"{each} {version(each)}" for each in ("tflite-micro", "ethos-u-vela", "tensorflow"))
    return "\n".join(
        [
            "# Microcontrollers and targets, file by file\n",
            f"Written by `python benchmarks/microcontroller.py`, with {seen}. What the targets are: "
            "[targets.md](targets.md).\n",
            "## Static int8 in tflite-micro, against LiteRT's reference kernels\n",
            *_lines([*first, "Ethos-U55-128, estimated: cycles, SRAM bytes"], runs),
            *(f"\n{note}" for note in notes),
            "\n## Which target takes which file\n",
            "Random weights; each file is the one that the target's preset makes. A file that is accepted is then "
            "run by the target's checks.\n",
            *_lines(["model", *PRESETS], taken),
            "",
        ]
    )


def _lines(headings: list[str], rows: list[list[str]]) -> Iterator[str]:
    yield "| " + " | ".join(headings) + " |"
    yield "| " + " | ".join("---" for _ in headings) + " |"
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="models and data (default: ../shared)")
    parser.add_argument("--out", type=Path, help="a page to write (default: it is printed)")
    options = parser.parse_args()
    start_quietly()
    text = page(options.shared)
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
