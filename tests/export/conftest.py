"""Files, and what runs them: the interpreter without delegates."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from tfcompress.backend.tensorflow import keras, tf


class File:
    """A .tflite, run one example after another."""

    def __init__(self, path):
        self.path = path
        self.interpreter = Interpreter(
            str(path), experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        )
        self.interpreter.allocate_tensors()
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


@pytest.fixture(scope="session")
def export(digits, tmp_path_factory):
    """Makes a file, once a session: (model, exporter) -> (the artifact, the file)."""
    folder, made = tmp_path_factory.mktemp("export"), {}

    def make(model, exporter):
        if (id(model), exporter) not in made:
            artifact = exporter.convert(model, digits, folder / f"{len(made)}.tflite")
            made[id(model), exporter] = artifact, File(artifact.path)
        return made[id(model), exporter]

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
    return keras.Model(inputs, keras.layers.Dense(10)(keras.layers.Flatten()(tf.math.erfinv(inputs))))
