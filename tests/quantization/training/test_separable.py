"""SeparableConv1D, quantization-aware: saved, read back, and all int8 in the file, which computes what it computes."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.measuring import tflite
from tfcompress.models_io.copying import load_model, save_model

layers = keras.layers
INPUTS = np.random.default_rng(0).normal(size=(32, 12, 4)).astype("float32")


def train(model, callbacks):
    targets = np.random.default_rng(1).normal(size=(32, *model.output_shape[1:]))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    model.fit(INPUTS, targets, batch_size=8, epochs=4, verbose=0, callbacks=list(callbacks))


def ops_in_float(model):
    return {
        tflite.op_name(model.operatorCodes[operator.opcodeIndex])
        for graph in model.subgraphs
        for operator in graph.operators
        if any(graph.tensors[output].type == 0 for output in operator.outputs)
    }


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            [layers.SeparableConv1D(6, 3, activation="relu", padding="same", strides=2, name="separable")],
            marks=pytest.mark.slow,
        ),
        [layers.SeparableConv1D(6, 3, depth_multiplier=2, padding="causal", activation="tanh", name="separable")],
        [layers.SeparableConv1D(6, 3, use_bias=False, name="separable"), layers.BatchNormalization(), layers.ReLU()],
    ],
    ids=["strides", "causal", "normalized"],
)
def test_a_separable_convolution_in_one_dimension(body, tmp_path):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((12, 4)), *body, layers.Flatten(), layers.Dense(3, name="dense")])
    aware = tfc.QuantizeAware(strict=True).apply(model, tfc.fit(train, steps=16))
    expected = aware(INPUTS).numpy()
    save_model(aware, tmp_path / "model.keras")
    np.testing.assert_array_equal(load_model(tmp_path / "model.keras")(INPUTS), expected)
    path = tfc.Int8(float_inputs_and_outputs=True).convert(aware, None, tmp_path / "model.tflite").path
    assert {kernel.values.dtype for kernel in tflite.read(path).kernels} == {np.dtype("int8")}
    assert tflite.look_into(path, ops_in_float) == {"DEQUANTIZE"}
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    found = []
    for example in INPUTS:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], example[None])
        interpreter.invoke()
        found.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0])
    noise = np.mean((np.array(found) - expected) ** 2)
    assert 10 * np.log10(np.var(expected) / noise) > 25
