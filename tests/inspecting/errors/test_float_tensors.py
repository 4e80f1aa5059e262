"""Operations of a file beside the layers that they were made of: exact in float32, NumPy's own error in int8."""

import contextlib

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, set_seed
from tfcompress.core.errors import UnreadableModel
from tfcompress.core.examples.source import Split
from tfcompress.core.types import Data
from tfcompress.inspecting.errors.file_tensors import tensors_of
from tfcompress.inspecting.errors.float_tensors import activated, file_errors, in_keras_layout
from tfcompress.measuring.measure import kernel_variables, leaf_layers
from tfcompress.quantization.after_training.folding import fold
from tfcompress.quantization.quantizers.quantizer import error

L = keras.layers


class Noise(Data):
    """Random inputs of a shape; half of the channels of a normalization are negative."""

    title, num_train, num_classes = "noise", 8, 2

    def __init__(self, shape):
        self.shape = shape

    def load(self):
        split = Split(np.random.default_rng(1).normal(size=(8, *self.shape)).astype("float32"), np.zeros(8, int))
        return split, split


def shaken(model):
    """Statistics of normalizations away from 0 and 1, so that folding shows."""
    random = np.random.default_rng(2)
    for layer in leaf_layers(model):
        if isinstance(layer, L.BatchNormalization):
            layer.set_weights([random.uniform(0.5, 2, weight.shape) for weight in layer.get_weights()])
    return model


@contextlib.contextmanager
def compared(model, exporter, tmp_path, num_kept=8):
    data = Noise(model.input_shape[1:])
    path = exporter.convert(model, data, tmp_path / "file.tflite").path
    layers = [layer.name for layer in leaf_layers(model) if kernel_variables(layer)]
    with tensors_of(path, data.test.inputs, layers, num_kept) as tensors:
        yield tensors, file_errors(model, tensors, data.test.inputs)


def pictures(build, shape=(8, 8, 3)):
    set_seed(4)
    inputs = keras.Input(shape)
    return shaken(keras.Model(inputs, build(inputs)))


def usual(x):
    """A normalization and ReLU6, a depthwise one, a normalization behind an activation, and a branch."""
    x = L.ReLU(6.0)(L.BatchNormalization()(L.Conv2D(8, 3, padding="same", name="conv")(x)))
    x = L.ReLU()(L.BatchNormalization()(L.DepthwiseConv2D(3, padding="same", depth_multiplier=2, name="depthwise")(x)))
    x = L.BatchNormalization()(L.Conv2D(8, 1, activation="relu", name="activated")(x))
    x = L.Add()([x, L.Conv2D(8, 1, name="branch")(x)])
    return L.Dense(3, activation="softmax", name="answers")(L.Flatten()(x))


def unusual(x):
    """A transposed one, activations that are operations of their own, and a normalized dense layer."""
    x = L.ReLU()(L.BatchNormalization()(L.Conv2DTranspose(4, 3, name="transposed")(x)))
    x = L.Conv2D(4, 3, activation="sigmoid", name="sigmoid")(x)
    x = L.ReLU()(L.BatchNormalization()(L.Dense(6, name="dense")(L.Flatten()(x))))
    return L.Dense(3, activation="tanh", name="answers")(x)


def nested(x):
    inner = keras.Input((8, 8, 3))
    y = L.ReLU()(L.BatchNormalization()(L.Conv2D(4, 3, name="inner")(inner)))
    x = keras.Model(inner, L.GlobalAveragePooling2D()(y), name="body")(x)
    return L.Dense(3, name="answers")(x)


@pytest.mark.parametrize("build", [usual, unusual, nested])
def test_a_float_file_computes_what_the_layers_do(build, tmp_path):
    model = pictures(build)
    with compared(model, tfc.Float32(), tmp_path) as (_, found):
        names = {layer.name for layer in leaf_layers(model) if kernel_variables(layer)}
        assert set(found) == names
        for name, each in found.items():
            assert each.reason == "", name
            assert each.output.sqnr_db > 90, (name, each.output.sqnr_db)  # rounding of sums in float32
            assert each.kernel.sqnr_db > 90, (name, each.kernel.sqnr_db)
            assert (each.stored_as, each.computes) == ("float32", "float32")


def test_a_conv1d_is_a_conv2d_of_one_row(tmp_path):
    model = pictures(lambda x: L.Dense(2, name="answers")(L.Flatten()(L.Conv1D(4, 3, name="conv")(x))), (8, 3))
    with compared(model, tfc.Float32(), tmp_path) as (_, found):
        assert found["conv"].op == "CONV_2D"
        assert min(found["conv"].kernel.sqnr_db, found["conv"].output.sqnr_db) > 90


def test_int8_kernels_have_the_error_of_the_linear_quantizer(tmp_path):
    model = pictures(usual)
    folded = fold(model, "test").model
    with compared(model, tfc.Int8(num_representative=8), tmp_path) as (tensors, found):
        for name in ("conv", "depthwise", "branch"):
            kernel = next(iter(kernel_variables(folded.get_layer(name)).values())).numpy()
            axes = (-2, -1) if name == "depthwise" else (-1,)
            expected = error(kernel, tfc.Affine().approximate(kernel, axes))
            assert found[name].kernel.sqnr_db == pytest.approx(expected.sqnr_db, abs=0.01), name
            assert found[name].kernel.cosine == pytest.approx(expected.cosine, abs=1e-6)
        assert all(15 < each.output.sqnr_db < 60 for each in found.values())
        assert {each.stored_as for each in found.values()} == {each.computes for each in found.values()} == {"int8"}
        assert tensors.num_kept == 8


def test_a_layer_that_is_two_operations_is_told_and_not_compared(tmp_path):
    def twice(x):
        shared = L.Conv2D(3, 3, padding="same", name="shared")
        separable = L.SeparableConv2D(4, 3, name="separable")
        return L.Dense(2, name="answers")(L.Flatten()(separable(shared(shared(x)))))

    with compared(pictures(twice), tfc.Float32(), tmp_path) as (_, found):
        assert found["separable"].reason == "is 2 operations of the file"
        assert found["shared"].reason == "is 2 operations of the file"
        assert found["answers"].output.sqnr_db > 90


def test_fewer_examples_are_kept_than_run(tmp_path):
    with compared(pictures(nested), tfc.Float32(), tmp_path, num_kept=3) as (tensors, found):
        assert (tensors.num_kept, len(tensors.predictions)) == (3, 8)
        assert found["inner"].output.sqnr_db > 90


def test_a_file_that_takes_other_inputs_or_is_damaged_is_refused(tmp_path):
    path = tfc.Float32().convert(pictures(nested), None, tmp_path / "file.tflite").path
    with (
        pytest.raises(tfc.UnsupportedModel, match=r"it takes \(8, 8, 3\), and the Keras model \(4,\)"),
        tensors_of(path, np.zeros((2, 4), "float32"), [], 2),
    ):
        pass
    path.write_bytes(path.read_bytes()[:500])
    with (
        pytest.raises(UnreadableModel, match="file.tflite"),
        tensors_of(path, np.zeros((2, 8, 8, 3), "float32"), [], 2),
    ):
        pass


def test_kernels_are_turned_to_the_layout_of_keras():
    # One filter of 2 x 3 over 4 channels: the file has the outputs first.
    layer = L.Conv2D(5, (2, 3))
    layer.build((None, 8, 8, 4))
    kernel = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    np.testing.assert_array_equal(in_keras_layout("CONV_2D", np.moveaxis(kernel, -1, 0), layer), kernel)
    assert in_keras_layout("CONV_2D", np.zeros((5, 1, 1, 4)), layer) is None


@pytest.mark.parametrize(
    ("activation", "expected"),
    [("NONE", [-3, 0.5, 9]), ("RELU", [0, 0.5, 9]), ("RELU6", [0, 0.5, 6]), ("RELU_N1_TO_1", [-1, 0.5, 1])],
)
def test_activations_that_are_built_in(activation, expected):
    assert activated(np.array([-3, 0.5, 9]), activation).tolist() == expected


@pytest.mark.parametrize(
    "recurrent", [L.LSTM, *(pytest.param(each, marks=pytest.mark.slow) for each in (L.GRU, L.SimpleRNN))]
)
def test_layers_behind_a_recurrent_one_are_compared(recurrent, tmp_path):
    set_seed(0)
    model = keras.Sequential([keras.Input((6, 4)), recurrent(5, name="memory"), L.Dense(3, name="logits")])
    with compared(model, tfc.Float32(), tmp_path) as (_, errors):
        assert errors["logits"].output.sqnr_db > 80
