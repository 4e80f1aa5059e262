"""Accuracy of a .tflite file on 10,000 images: the loop of TensorFlow's tutorials against tfcompress's CPU check.

    python benchmarks/tflite_accuracy.py [--data-dir FOLDER] [--repeats 5] [--at-least 5]

The peer is the loop of the tutorial "Post-training integer quantization" (`run_tflite_model`): `tf.lite.Interpreter`,
and for each image set_tensor, invoke, get_tensor. Both sides start from images in memory and end with predictions for
all of them, on the same file, in the same run, taking turns. The time of tfcompress is its child's from images to
outputs, proving that batched outputs equal single ones included; starting the child is listed beside it.

How much is gained depends on how much of the loop is arithmetic: that can only be spread over cores, while the cost of
a step of the loop goes. Exits with 1 when a ratio is below `--at-least`, or when the two sides' predictions differ.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import statistics
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

from tfcompress.backend.tensorflow import keras, tf
from tfcompress.core.examples.source import Split
from tfcompress.core.types import Data
from tfcompress.delegates import batching, worker
from tfcompress.export.float32 import Float32
from tfcompress.export.int8 import Int8
from tfcompress.models.simple_cnn import simple_cnn

NUM_IMAGES = 10_000


@dataclasses.dataclass(frozen=True)
class RandomImages(Data):
    """Noise of an image's shape: speed does not depend on what is in the images."""

    input_shape: tuple[int, ...] = (32, 32, 3)
    title: str = "random images"
    num_train: int = 256
    num_classes: int = 10
    scale: float = 1 / 255

    def load(self) -> tuple[Split, Split]:
        rng = np.random.default_rng(0)
        splits = [
            Split(rng.integers(0, 256, (n, *self.input_shape), "uint8"), rng.integers(0, self.num_classes, n))
            for n in (self.num_train, NUM_IMAGES)
        ]
        return splits[0], splits[1]


@dataclasses.dataclass(frozen=True)
class Row:
    """What was measured of one file: medians in seconds."""

    title: str
    loop_s: float
    check_s: float
    with_start_s: float
    num_different: int

    @property
    def ratio(self) -> float:
        return self.loop_s / self.check_s


def tutorial_loop(path: Path, images: np.ndarray) -> np.ndarray:
    """`run_tflite_model` of the tutorial, for int8 and uint8 inputs; rounds where the tutorial truncates."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*tf.lite.Interpreter is deprecated")  # it is the peer, on purpose
        interpreter = tf.lite.Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    input_details = interpreter.get_input_details()[0]
    output_details = interpreter.get_output_details()[0]
    predictions = np.zeros((len(images),), dtype=int)
    for i, image in enumerate(images):
        if input_details["dtype"] in (np.int8, np.uint8):
            input_scale, input_zero_point = input_details["quantization"]
            image = np.rint(image / input_scale + input_zero_point)
        image = np.expand_dims(image, axis=0).astype(input_details["dtype"])
        interpreter.set_tensor(input_details["index"], image)
        interpreter.invoke()
        output = interpreter.get_tensor(output_details["index"])[0]
        predictions[i] = output.argmax()
    return predictions


def tutorial_model() -> keras.Model:
    """The tutorial's own network, for 28 x 28 images in grey."""
    layers = keras.layers
    inputs = keras.Input((28, 28, 1), name="image")
    x = layers.MaxPooling2D()(layers.Conv2D(12, 3, activation="relu")(inputs))
    return keras.Model(inputs, layers.Dense(10, name="logits")(layers.Flatten()(x)), name="tutorial_cnn")


def measure(title: str, path: Path, data: Data, repeats: int) -> Row:
    """Both sides in turn, `repeats` times each."""
    stored = data.test_on_disk
    images = data.model_inputs(data.test.inputs)  # the tutorial scales its images before the loop, outside the time
    job = worker.Job(str(path.resolve()), "xnnpack", data.scale, with_latency=False)
    loop_s, check_s, with_start_s = [], [], []
    for _ in range(repeats):
        begin = time.perf_counter()
        expected = tutorial_loop(path, images)
        loop_s.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        seen = worker.observe(job, stored, (), time_limit_s=600)
        with_start_s.append(time.perf_counter() - begin)
        if seen.outputs is None or seen.pass_s is None:
            sys.exit(f"{title}: {seen.failure}")
        check_s.append(seen.pass_s)
    num_different = int(np.sum(seen.outputs[0].argmax(-1) != expected))
    return Row(title, *(statistics.median(times) for times in (loop_s, check_s, with_start_s)), num_different)


def images_of(data_dir: str | None) -> Data:
    """CIFAR-10 where it is prepared, else noise of its shape."""
    if not data_dir:
        return RandomImages()
    from tfcompress.data.cifar10 import Cifar10

    return Cifar10(data_dir=data_dir)


def train_a_little(model: keras.Model, data: Data) -> None:
    """Two hundred steps, so that outputs are not ties of an untrained network."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    examples = data.train.head(6400)
    model.fit(data.model_inputs(examples.inputs), examples.targets, batch_size=32, epochs=1, verbose=0)


def measure_all(data: Data, folder: Path, repeats: int) -> list[Row]:
    """SimpleCNN, the tutorial's network, and one so small that the loop itself is the cost; in float32 and in int8."""
    rows = []
    models = (
        (simple_cnn(), data),
        (tutorial_model(), RandomImages(input_shape=(28, 28, 1))),
        (simple_cnn((8, 8, 1)), RandomImages(input_shape=(8, 8, 1))),
    )
    for model, its_data in models:
        train_a_little(model, its_data)
        for exporter in (Float32(), Int8()):
            path = folder / f"{model.name}-{exporter.mode}.tflite"
            exporter.convert(model, its_data, path)
            size = "x".join(str(length) for length in its_data.input_shape)
            rows.append(measure(f"{model.name} {size} {exporter.mode}, {its_data.title}", path, its_data, repeats))
    return rows


def print_table(rows: list[Row], repeats: int) -> None:
    """Medians of all repeats, and the machine they hold for."""
    load = os.getloadavg()[0]  # others at work share in these figures
    cores = batching.num_usable_cores()
    print(f"{NUM_IMAGES} images, {cores} cores, load average {load:.1f}, medians of {repeats} runs in turn\n")
    print(f"{'file':44} {'loop':>8} {'check':>8} {'ratio':>6} {'with start':>11}  different predictions")
    for row in rows:
        print(
            f"{row.title:44} {row.loop_s:6.3f} s {row.check_s:6.3f} s {row.ratio:5.1f}x {row.with_start_s:9.3f} s"
            f"  {row.num_different}"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data-dir", default=os.environ.get("TFDS_DATA_DIR"), help="prepared CIFAR-10 (default: noise)"
    )
    parser.add_argument("--repeats", type=int, default=5, help="how often each side runs (default: %(default)s)")
    parser.add_argument("--at-least", type=float, default=1.0, help="the ratio to show (default: %(default)s)")
    options = parser.parse_args()
    keras.utils.set_random_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        rows = measure_all(images_of(options.data_dir), Path(folder), options.repeats)
    print_table(rows, options.repeats)
    failed = [row.title for row in rows if row.ratio < options.at_least or row.num_different]
    if failed:
        print(f"\nBelow {options.at_least:g}x, or with other predictions: {'; '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
