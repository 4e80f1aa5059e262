import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, set_seed
from tfcompress.measuring.tflite import read
from tfcompress.models_io.copying import copy_model
from tfcompress.quantization.after_training.adaptive_rounding import (
    inverse_sigmoid,
    rectified_sigmoid,
    rounding_choice,
    sharpness,
)
from tfcompress.quantization.after_training.folding import fold

layers = keras.layers
QUICK = {"num_iterations": 200, "num_examples": 128}


def test_the_choice_is_between_two_neighbours_and_starts_at_the_weights():
    kernel = np.random.default_rng(0).normal(size=(3, 3, 4, 5)).astype("float32")
    for axes, shape in (((), ()), ((-1,), (5,)), ((-2, -1), (4, 5))):
        found = rounding_choice(kernel, axes)
        assert found.scale.shape == shape
        soft = (found.floor + rectified_sigmoid(inverse_sigmoid(found.fraction)).numpy()) * found.scale
        np.testing.assert_allclose(soft, kernel, atol=1e-5)
        assert set(np.unique(found.nearest - found.floor)) <= {0, 1}
        assert not found.free[np.abs(found.nearest) == 127].any()


def test_a_channel_of_zeros_stays_so():
    kernel = np.zeros((4, 2), "float32")
    kernel[:, 0] = [1, 2, 3, 4]
    found = rounding_choice(kernel, (-1,))
    assert np.isfinite(found.scale).all() and not found.free[:, 1].any() and not found.nearest[:, 1].any()


def test_the_regularization_sharpens_along_half_a_cosine():
    # cos(pi / 3) = 1/2: 2 + 18 * 1.5 / 2
    assert sharpness(1 / 3) == pytest.approx(15.5)


@pytest.fixture(scope="module")
def mobile(digits):
    """A small MobileCNN, trained for some steps, and folded: what rounding starts from."""
    set_seed(0)
    model = tfc.mobile_cnn(digits.input_shape, width=4)
    tfc.KerasFit(digits, epochs=6)(model)
    return fold(model, "x").model


@pytest.fixture(
    scope="module", params=[True, pytest.param(False, marks=pytest.mark.slow)], ids=["per channel", "per tensor"]
)
def rounded(request, mobile, digits):
    return request.param, tfc.AdaptiveRounding(per_channel=request.param, **QUICK).apply(mobile, digits)


def kernels(model):
    """By layer: the kernel as TFLite orders it, and along which axis its output channels lie."""
    found = {}
    for layer in model.layers:
        if hasattr(layer, "depthwise_kernel"):
            kernel = layer.depthwise_kernel.numpy()
            found[layer.name] = kernel.reshape(1, *kernel.shape[:2], -1), -1
        elif hasattr(layer, "kernel"):
            found[layer.name] = np.moveaxis(layer.kernel.numpy(), -1, 0), 0
    return found


def levels(kernel, axis, per_channel):
    """In steps of max |w| / 127, of the channel or of the tensor, computed with nothing of ours."""
    others = tuple(i for i in range(kernel.ndim) if i != axis % kernel.ndim) if per_channel else None
    return kernel / (np.abs(kernel.astype(float)).max(axis=others, keepdims=True) / 127)


def test_kernels_lie_on_the_int8_grid_one_step_around_what_they_were(rounded, mobile):
    per_channel, model = rounded
    before = kernels(mobile)
    moved = 0
    for name, (kernel, axis) in kernels(model).items():
        now, old = levels(kernel, axis, per_channel), levels(*before[name], per_channel)
        np.testing.assert_allclose(now, np.rint(now), atol=1e-3)
        assert np.abs(now - old).max() < 1 + 1e-3
        moved += int((np.abs(np.rint(now) - old) > 0.501).sum())
    assert moved > 100  # weights that nearest rounding would have put elsewhere


def test_the_exported_file_keeps_them(rounded, digits, tmp_path):
    per_channel, model = rounded
    tfc.Int8(per_channel=per_channel).convert(model, digits, tmp_path / "model.tflite")
    stored = [kernel.values for kernel in read(tmp_path / "model.tflite").kernels]
    wanted = [np.rint(levels(*found, per_channel)).astype("int8") for found in kernels(model).values()]
    assert len(stored) == len(wanted) == 12
    for values in wanted:
        assert any(found.shape == values.shape and (found == values).all() for found in stored)


def test_outputs_differ_less_than_by_nearest_rounding(rounded, mobile, digits):
    per_channel, model = rounded
    inputs = digits.model_inputs(digits.test.inputs)
    exact = mobile(inputs).numpy()
    nearest = tfc.QuantizeKernels(tfc.Affine(per_channel=per_channel)).apply(mobile)(inputs).numpy()
    assert ((model(inputs).numpy() - exact) ** 2).mean() < 0.8 * ((nearest - exact) ** 2).mean()


def test_it_is_repeatable_and_leaves_the_model(trained, digits, remarks):
    before = trained.get_weights()
    method = tfc.AdaptiveRounding(num_iterations=5, num_examples=32)
    first, second = method.apply(trained, digits), method.apply(trained, digits)
    for old, new in zip(before, trained.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert "of 4 layers are rounded otherwise than to nearest" in remarks[0]


def test_correlated_inputs_make_neighbours_round_against_each_other():
    # Both inputs are always equal, so that only the sum of the two weights counts: 100.45 + 50.35 = 150.8 steps of
    # 1/127. Nearest rounding gives 150; 151 is nearer. The third weight fixes the scale.
    inputs = keras.Input((3,))
    model = keras.Model(inputs, layers.Dense(1, use_bias=False, name="sum")(inputs))
    model.get_layer("sum").kernel.assign(np.array([[100.45], [50.35], [127.0]]) / 127)
    examples = np.random.default_rng(0).normal(size=(64, 1)).repeat(3, axis=1) * [1, 1, 0]
    data = tfc.dataset(examples.astype("f4"), examples.astype("f4"))
    made = tfc.AdaptiveRounding(num_iterations=300, learning_rate=0.05).apply(model, data)
    found = np.rint(made.get_layer("sum").kernel.numpy().ravel() * 127)
    assert found.sum() == 151 + 127 and found[2] == 127


def test_zeros_stay_zeros(sparse, digits):
    made = tfc.AdaptiveRounding(**{**QUICK, "num_iterations": 20}).apply(sparse, digits)
    for name, (kernel, _) in kernels(sparse).items():
        assert (kernels(made)[name][0][kernel == 0] == 0).all()


def test_twice_is_nothing(trained, digits):
    method = tfc.AdaptiveRounding(num_iterations=5, num_examples=32)
    with pytest.raises(tfc.NothingHappened, match="lie on the int8 grid already"):
        method.apply(method.apply(trained, digits), digits)


def test_layers_it_does_not_know_are_left_and_named(digits, remarks):
    inputs = keras.Input((8, 8, 1))
    shared = layers.Conv2D(1, 1, name="shared")
    x = shared(shared(inputs))
    x = layers.Conv2DTranspose(2, 3, name="transposed")(x)
    x = layers.Conv2D(2, 3, activation="relu", name="known")(x)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax", name="last")(layers.Flatten()(x)))
    made = tfc.AdaptiveRounding(num_iterations=2, num_examples=8).apply(model, digits)
    assert "to nearest: shared, transposed." in " ".join(remarks)
    for name in ("shared", "transposed"):
        np.testing.assert_array_equal(made.get_layer(name).kernel.numpy(), model.get_layer(name).kernel.numpy())
    assert (made.get_layer("known").kernel.numpy() != model.get_layer("known").kernel.numpy()).any()


def test_a_model_without_kernels_is_refused(digits):
    inputs = keras.Input((4,))
    with pytest.raises(tfc.UnsupportedModel, match="Received: InputLayer, ReLU"):
        tfc.AdaptiveRounding().apply(keras.Model(inputs, layers.ReLU()(inputs)), digits)


def test_a_quantization_aware_model_is_refused(aware, digits):
    with pytest.raises(tfc.UnsupportedModel, match="^AdaptiveRounding expects a float model"):
        tfc.AdaptiveRounding().apply(aware, digits)


@pytest.mark.parametrize(
    "bad",
    [{"per_channel": 1}, {"num_examples": 0}, {"num_iterations": 1.5}, {"batch_size": -1}, {"learning_rate": 0},
     {"regularization": 0}, {"warm_up": 1.0}],
)  # fmt: skip
def test_a_bad_value_names_its_field(bad):
    with pytest.raises(tfc.InvalidValue, match=f"AdaptiveRounding.{next(iter(bad))} must be"):
        tfc.AdaptiveRounding(**bad)


def test_nan_in_a_kernel_is_named(mobile, digits):
    broken = copy_model(mobile)
    broken.get_layer("stem").kernel.assign(np.full(broken.get_layer("stem").kernel.shape, np.nan))
    with pytest.raises(tfc.InvalidValue, match="in stem"):
        tfc.AdaptiveRounding(num_iterations=2, num_examples=8).apply(broken, digits)
