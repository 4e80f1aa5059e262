import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, set_seed
from tfcompress.quantization.after_training.bias_correction import mean_outputs
from tfcompress.quantization.after_training.folding import fold

layers = keras.layers


@pytest.fixture(scope="module")
def mobile(digits):
    """A block of MobileNet, trained for some steps."""
    set_seed(0)
    x = inputs = keras.Input(digits.input_shape)
    for layer in (
        layers.Conv2D(4, 3, strides=2, use_bias=False, name="stem"),
        layers.DepthwiseConv2D(3, use_bias=False, name="depthwise"),
        layers.Conv2D(8, 1, use_bias=False, name="pointwise"),
    ):
        x = layers.ReLU()(layers.BatchNormalization()(layer(x)))
    model = keras.Model(inputs, layers.Dense(10, name="logits")(layers.Flatten()(x)))
    tfc.KerasFit(digits, epochs=3)(model)
    return model


def test_a_dense_layer_worked_by_hand():
    # Scale 1 (127 is the largest): 10.4 becomes 10, so that outputs are 0.4 x too small, on average 0.4 * (2 + 4) / 2.
    inputs = keras.Input((2,))
    model = keras.Model(inputs, layers.Dense(1, activation="relu", name="d")(inputs))
    model.get_layer("d").set_weights([np.array([[10.4], [127.0]]), np.array([5.0])])
    examples = np.array([[2.0, 0.0], [4.0, 0.0]], "float32")
    made = tfc.CorrectBias().apply(model, tfc.dataset(examples, examples))
    kernel, bias = made.get_layer("d").get_weights()
    assert kernel.ravel().tolist() == [10.0, 127.0]
    assert bias[0] == pytest.approx(5.0 + 1.2, abs=1e-5)


@pytest.mark.parametrize("per_channel", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_means_are_those_of_the_float_model_layer_by_layer(mobile, digits, per_channel, remarks):
    before = mobile.get_weights()
    exact = fold(mobile, "x").model
    method = tfc.CorrectBias(per_channel=per_channel, num_examples=1437)
    made = method.apply(mobile, digits)
    nearest = tfc.QuantizeKernels(tfc.Affine(per_channel=per_channel)).apply(exact)
    inputs = digits.model_inputs(digits.train.inputs)
    for layer in made.layers:
        if hasattr(layer, "use_bias"):
            wanted = mean_outputs(exact, layer.name, inputs)
            left = np.abs(mean_outputs(made, layer.name, inputs) - wanted).max()
            assert left < 0.05 * np.abs(mean_outputs(nearest, layer.name, inputs) - wanted).max()
    for old, new in zip(before, mobile.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert remarks[0].startswith("4 biases were corrected, that of ")


def test_kernels_are_the_nearest_levels(mobile, digits):
    made = tfc.CorrectBias(per_channel=False).apply(mobile, digits)
    kernel = fold(mobile, "x").model.get_layer("pointwise").kernel.numpy()
    scale = np.abs(kernel).max() / 127
    np.testing.assert_allclose(made.get_layer("pointwise").kernel.numpy(), np.rint(kernel / scale) * scale,
                               atol=1e-6)  # fmt: skip


def test_what_adaptive_rounding_leaves_can_be_corrected(mobile, digits):
    rounding = tfc.AdaptiveRounding(per_channel=False, num_iterations=10, num_examples=64)
    alone = rounding.apply(mobile, digits)
    made = tfc.CorrectBias(per_channel=False, rounding=rounding, num_examples=1437).apply(mobile, digits)
    exact = fold(mobile, "x").model
    inputs = digits.model_inputs(digits.train.inputs)
    for name in ("stem", "depthwise", "logits"):
        wanted = mean_outputs(exact, name, inputs)
        np.testing.assert_array_equal(made.get_layer(name).get_weights()[0], alone.get_layer(name).get_weights()[0])
        left = np.abs(mean_outputs(made, name, inputs) - wanted).max()
        assert left < 0.05 * np.abs(mean_outputs(alone, name, inputs) - wanted).max()


def test_layers_without_a_bias_are_named(digits, remarks):
    inputs = keras.Input((8, 8, 1))
    x = layers.Flatten()(layers.Conv2D(2, 3, use_bias=False, name="bare")(inputs))
    tfc.CorrectBias().apply(keras.Model(inputs, layers.Dense(10, name="d")(x)), digits)
    assert "Without a bias that could be corrected: bare." in remarks
    bare = keras.Model(inputs, layers.Conv2D(2, 3, use_bias=False)(inputs))
    with pytest.raises(tfc.UnsupportedModel, match="Received: layers without"):
        tfc.CorrectBias().apply(bare, digits)


def test_twice_is_nothing(trained, digits):
    with pytest.raises(tfc.NothingHappened, match="lie on the int8 grid already"):
        tfc.CorrectBias().apply(tfc.CorrectBias().apply(trained, digits), digits)


def test_a_quantization_aware_model_is_refused(aware, digits):
    with pytest.raises(tfc.UnsupportedModel, match="^CorrectBias expects a float model"):
        tfc.CorrectBias().apply(aware, digits)


@pytest.mark.parametrize(
    "bad", [{"per_channel": None}, {"num_examples": 0}, {"rounding": 8}, {"rounding": tfc.AdaptiveRounding(False)}]
)
def test_a_bad_value_names_its_field(bad):
    with pytest.raises(tfc.InvalidValue, match=f"CorrectBias.{next(iter(bad))} must "):
        tfc.CorrectBias(**bad)
