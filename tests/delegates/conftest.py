"""Tiny .tflite files, made once a session, and data for them."""

import dataclasses
import hashlib
import warnings
from pathlib import Path

import numpy as np
import pytest

from tfcompress.backend.tensorflow import keras, tf
from tfcompress.core.examples.source import Split
from tfcompress.core.tasks.task import OutputSpec
from tfcompress.core.types import Artifact, Data
from tfcompress.delegates import worker

NUM_EXAMPLES = 150  # no multiple of the batch, so that the last run is not full


@dataclasses.dataclass(frozen=True)
class RandomData(Data):
    """Random examples with random labels."""

    input_shape: tuple[int, ...] = (8, 8, 3)
    dtype: str = "uint8"
    scale: float = 1 / 255
    title: str = "random"
    num_train: int = NUM_EXAMPLES
    num_classes: int = 5

    def load(self):
        rng = np.random.default_rng(7)
        inputs = rng.integers(0, 256, (NUM_EXAMPLES, *self.input_shape)).astype(self.dtype)
        split = Split(inputs, rng.integers(0, self.num_classes, NUM_EXAMPLES))
        return split, split


@dataclasses.dataclass(frozen=True)
class Exported:
    """A file, the Keras model it was made of, and data that fits it."""

    artifact: Artifact
    model: object
    data: Data

    @property
    def keras_outputs(self):
        return self.model.predict(self.data.model_inputs(self.data.test.inputs), batch_size=1, verbose=0)

    @property
    def keras(self):
        """The Keras model's run, to compare with."""
        return {"keras": {"out": self.keras_outputs}}

    def observe(self, kernels, **settings):
        """What the child process sees of the file."""
        settings = {"resets": self.artifact.needs_reset, "with_latency": False, **settings}
        job = worker.Job(str(self.artifact.path), kernels, self.data.scale, **settings)
        return worker.observe(job, self.data.test_on_disk, (), 60)


def artifact(path: Path, mode: str = "float32") -> Artifact:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return Artifact(path, mode, len(content), len(content), digest, outputs=(OutputSpec("out", (None, 5)),))


def _image(layers):
    keras.utils.set_random_seed(3)  # the same weights, whichever file is asked for first
    inputs = keras.Input(batch_shape=(1, 8, 8, 3))
    x = keras.layers.Conv2D(4, 3, activation="relu")(inputs)
    return inputs, layers(x)


def _cnn():
    return keras.Model(*_image(lambda x: keras.layers.Dense(5)(keras.layers.Flatten()(x))))


def _with_reshape():
    # Reshape, unlike Flatten, puts the batch of 1 into a constant of the file.
    def layers(x):
        x = keras.layers.Reshape((9, 16))(x)
        x = keras.layers.Dense(3)(keras.layers.Permute((2, 1))(x))
        return keras.layers.Dense(5)(keras.layers.Reshape((48,))(x))

    return keras.Model(*_image(layers))


def _with_gather():
    def layers(x):
        x = tf.gather(keras.layers.Flatten()(x), tf.constant([[0, 1], [2, 3]]), axis=1)
        return keras.layers.Dense(5)(keras.layers.Flatten()(x))

    return keras.Model(*_image(layers))


def _grouped():
    def layers(x):
        x = keras.layers.Conv2D(8, 3, groups=4, activation="relu", name="grouped")(x)
        return keras.layers.Dense(5, name="out")(keras.layers.Flatten()(x))

    return keras.Model(*_image(layers))


def _with_lstm(is_loop=False):
    keras.utils.set_random_seed(3)
    inputs = keras.Input(batch_shape=(1, 6, 4))
    layer = keras.layers.LSTM(4)
    layer._could_use_gpu_kernel = not is_loop
    return keras.Model(inputs, keras.layers.Dense(5)(layer(inputs)))


def _convert(model, path: Path, data: Data, int8: bool = False) -> Exported:
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if int8:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        examples = data.model_inputs(data.test.inputs[:20])
        converter.representative_dataset = lambda: ([example[None]] for example in examples)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Statistics for quantized inputs were expected")
        path.write_bytes(converter.convert())
    return Exported(artifact(path, "int8" if int8 else "float32"), model, data)


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("tflite")


@pytest.fixture(scope="session")
def cnn(folder) -> Exported:
    return _convert(_cnn(), folder / "cnn.tflite", RandomData())


@pytest.fixture(scope="session")
def cnn_int8(folder, cnn) -> Exported:
    return _convert(cnn.model, folder / "cnn_int8.tflite", RandomData(), int8=True)


@pytest.fixture(scope="session")
def reshaping(folder) -> Exported:
    return _convert(_with_reshape(), folder / "reshaping.tflite", RandomData())


@pytest.fixture(scope="session")
def grouped(folder) -> Exported:
    made = _convert(_grouped(), folder / "grouped.tflite", RandomData())
    names = tuple(layer.name for layer in made.model.layers)
    return dataclasses.replace(made, artifact=dataclasses.replace(made.artifact, layers=names))


@pytest.fixture(scope="session")
def gathering(folder) -> Exported:
    return _convert(_with_gather(), folder / "gathering.tflite", RandomData())


@pytest.fixture(scope="session")
def recurrent(folder) -> Exported:
    """An LSTM as one operation, which keeps its states in variables."""
    data = RandomData(input_shape=(6, 4), dtype="int16")
    made = _convert(_with_lstm(), folder / "recurrent.tflite", data)
    return dataclasses.replace(made, artifact=dataclasses.replace(made.artifact, needs_reset=True))


@pytest.fixture(scope="session")
def looping(folder) -> Exported:
    """An LSTM as a loop."""
    return _convert(_with_lstm(True), folder / "looping.tflite", RandomData(input_shape=(6, 4), dtype="int16"))


@pytest.fixture(scope="session")
def truncated(folder, cnn) -> Artifact:
    path = folder / "truncated.tflite"
    path.write_bytes(cnn.artifact.path.read_bytes()[:1000])
    return artifact(path)


@pytest.fixture(scope="session")
def impostors(folder, cnn) -> dict[str, Artifact]:
    """Files that are not `cnn`'s, though they have its inputs and outputs."""
    made = {}
    for name, change in {
        "weights of zero": lambda weights: [np.zeros_like(weight) for weight in weights],
        "another model": lambda weights: [np.roll(weight, 1) for weight in weights],
        "swapped outputs": lambda weights: [*weights[:-2], weights[-2][:, ::-1], weights[-1][::-1]],
    }.items():
        model = _cnn()
        model.set_weights(change(model.get_weights()))
        made[name] = _convert(model, folder / f"{name}.tflite", RandomData()).artifact
    return made


@pytest.fixture(scope="session")
def lacking_two(folder) -> Exported:
    """A file with two operations that microcontrollers' interpreter lacks."""

    def layers(x):
        x = keras.layers.Dense(5)(keras.layers.Flatten()(x))
        hot = keras.layers.Lambda(lambda y: tf.one_hot(tf.argmax(y, -1), 5), name="hot")(x)
        return keras.layers.Lambda(lambda y: tf.pow(tf.abs(y), 1.5), name="power")(x) + hot

    made = _convert(keras.Model(*_image(layers)), folder / "lacking.tflite", RandomData())
    return dataclasses.replace(made, artifact=dataclasses.replace(made.artifact, layers=("hot", "power")))
