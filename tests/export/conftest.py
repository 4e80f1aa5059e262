"""Files, and what runs them: TensorFlow's own interpreter without delegates."""

import numpy as np
import pytest

from tfcompress.core.keras import keras, tf


def interpreter(path):
    loaded = tf.lite.Interpreter(
        str(path), experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )
    loaded.allocate_tensors()
    return loaded


class File:
    """A .tflite, run one example after another."""

    def __init__(self, path):
        self.path = path
        self.interpreter = interpreter(path)
        (self.input,) = self.interpreter.get_input_details()
        (self.output,) = self.interpreter.get_output_details()

    @property
    def signature(self):
        return self.interpreter.get_signature_list()["serving_default"]

    def answers(self, inputs):
        return np.concatenate([self._answer(inputs[index : index + 1]) for index in range(len(inputs))])

    def _answer(self, example):
        scale, zero_point = self.input["quantization"]
        if scale:
            example = np.clip(np.round(example / scale) + zero_point, -128, 127)
        self.interpreter.set_tensor(self.input["index"], example.astype(self.input["dtype"]))
        self.interpreter.invoke()
        output = self.interpreter.get_tensor(self.output["index"])
        scale, zero_point = self.output["quantization"]
        return (output.astype("float32") - zero_point) * scale if scale else output


@pytest.fixture
def export(digits, tmp_path):
    """Makes a file: (model, exporter) -> (the artifact, the file)."""

    def make(model, exporter, name="model.tflite"):
        artifact = exporter.convert(model, digits, tmp_path / name)
        return artifact, File(artifact.path)

    return make


@pytest.fixture(scope="session")
def seen(digits):
    """The test split as a model sees it."""
    return digits.model_inputs(digits.test.inputs)


@pytest.fixture(scope="session")
def keras_answers(trained, seen):
    return trained(seen).numpy()


@pytest.fixture
def inconvertible():
    """A model with an operation that TFLite has none for."""
    inputs = keras.Input((8, 8, 1))
    return keras.Model(inputs, keras.layers.Dense(10)(keras.layers.Flatten()(tf.math.lgamma(inputs + 2.0))))
