import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, tf
from tfcompress.quantization.after_training.equalization import input_ranges, output_ranges, pairs, scales

layers = keras.layers


def uneven(model):
    """`model` with output channels of very different sizes, and biases."""
    random = np.random.default_rng(0)
    for layer in model.layers:
        for name in ("kernel", "depthwise_kernel"):
            if hasattr(layer, name):
                kernel = getattr(layer, name)
                kernel.assign(random.normal(size=kernel.shape) * 10.0 ** random.uniform(-1, 1, kernel.shape[-1]))
        if getattr(layer, "use_bias", False):
            layer.bias.assign(random.normal(size=layer.bias.shape))
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([random.uniform(0.5, 2.0, weight.shape) for weight in layer.get_weights()])
    return model


def chain(*parts, shape=(8, 8, 3)):
    x = inputs = keras.Input(shape)
    for part in parts:
        x = part(x)
    return uneven(keras.Model(inputs, x))


def relative_difference(model, other):
    inputs = np.random.default_rng(2).normal(size=(16, *model.input_shape[1:])).astype("float32")
    expected = model(inputs).numpy()
    return np.abs(other(inputs).numpy() - expected).max() / np.abs(expected).max()


def test_scales_make_both_ranges_the_geometric_mean():
    first, second = np.array([8.0, 0.5, 3.0]), np.array([2.0, 2.0, 3.0])
    s = scales(first, second)
    np.testing.assert_allclose(first / s, [4.0, 1.0, 3.0], rtol=1e-6)  # sqrt(8 * 2), sqrt(0.5 * 2), sqrt(3 * 3)
    np.testing.assert_allclose(second * s, [4.0, 1.0, 3.0], rtol=1e-6)


def test_ranges_of_a_flattened_picture_take_all_its_positions():
    model = chain(layers.Conv2D(2, 1, name="c"), layers.Flatten(), layers.Dense(3, name="d"), shape=(2, 2, 1))
    kernel = np.zeros((8, 3))
    kernel[6, 1], kernel[1, 2] = -5.0, 2.0  # row 6 is position 3 of channel 0, row 1 is position 0 of channel 1
    model.get_layer("d").kernel.assign(kernel)
    assert input_ranges(model.get_layer("d"), 2).tolist() == [5.0, 2.0]


@pytest.mark.parametrize(
    "between",
    [
        [],
        [layers.ReLU],
        [layers.LeakyReLU],
        [layers.PReLU],
        [lambda: layers.Activation("relu"), layers.MaxPooling2D, lambda: layers.ZeroPadding2D(2)],
        [layers.AveragePooling2D, lambda: layers.Dropout(0.5)],
        [lambda: layers.UpSampling2D(interpolation="bilinear")],
    ],
)
@pytest.mark.parametrize("second", ["conv", "depthwise", "dense"])
def test_answers_stay_and_ranges_become_equal(between, second):
    makers = {
        "conv": lambda: layers.Conv2D(3, 3, name="second"),
        "depthwise": lambda: layers.DepthwiseConv2D(3, depth_multiplier=2, name="second"),
        "dense": lambda: layers.Dense(3, name="second"),
    }
    flat = [layers.Flatten()] if second == "dense" else []
    first = layers.Conv2D(4, 3, padding="same", name="first")
    model = chain(first, *(make() for make in between), *flat, makers[second]())
    made = tfc.Equalize().apply(model)
    assert relative_difference(model, made) < 1e-5
    outputs = output_ranges(made.get_layer("first"))
    np.testing.assert_allclose(outputs, input_ranges(made.get_layer("second"), 4), rtol=1e-4)
    before = output_ranges(model.get_layer("first"))
    assert outputs.max() / outputs.min() < before.max() / before.min()


def test_a_depthwise_model_with_batch_normalization(remarks):
    model = uneven(tfc.mobile_cnn((8, 8, 1), width=4))
    before = model.get_weights()
    made = tfc.Equalize().apply(model)
    assert relative_difference(model, made) < 1e-5
    found = pairs(made)
    assert len(found) == 11  # 12 layers in a row
    for pair in found:
        ranges = output_ranges(pair.first)
        np.testing.assert_allclose(ranges, input_ranges(pair.second, len(ranges)), rtol=0.01)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert remarks[0].startswith("11 of 11 pairs of layers were equalized; a channel of ")


def test_what_a_branch_reads_is_left():
    model = uneven(tfc.resnet(8, (8, 8, 3)))
    made = tfc.Equalize().apply(model)
    assert relative_difference(model, made) < 1e-5
    # Within each block only: what comes out of a block goes to the next and to its shortcut; the pooling to the logits
    # comes after an addition.
    assert [pair.name for pair in pairs(made)] == [f"stage{n}_block1_conv1 -> stage{n}_block1_conv2" for n in (1, 2, 3)]


def test_a_channel_that_is_zero_stays_as_it_is():
    model = chain(layers.Conv2D(4, 1, name="a"), layers.ReLU(), layers.Conv2D(2, 1))
    kernel = model.get_layer("a").kernel.numpy()
    kernel[..., 1] = 0
    model.get_layer("a").kernel.assign(kernel)
    made = tfc.Equalize().apply(model)
    assert relative_difference(model, made) < 1e-5
    assert (made.get_layer("a").kernel.numpy()[..., 1] == 0).all()
    assert made.get_layer("a").bias.numpy()[1] == model.get_layer("a").bias.numpy()[1]


@pytest.mark.parametrize(
    "relu6",
    [
        lambda: (layers.Conv2D(4, 1, name="a"), layers.ReLU(6.0, name="bound")),
        lambda: (layers.Conv2D(4, 1, name="a"), layers.Activation(tf.nn.relu6, name="bound")),
        lambda: (layers.Conv2D(4, 1, activation=tf.nn.relu6, name="a"),),
    ],
)
def test_relu6_is_replaced_where_asked_and_else_left_and_named(relu6, remarks):
    model = chain(*relu6(), layers.Conv2D(3, 1, name="b"), layers.ReLU(), layers.Conv2D(2, 1, name="c"))
    left = tfc.Equalize().apply(model)
    assert relative_difference(model, left) < 1e-5
    np.testing.assert_array_equal(left.get_layer("a").kernel.numpy(), model.get_layer("a").kernel.numpy())
    assert "replace_relu6=True): a -> b." in " ".join(remarks)
    replaced = tfc.Equalize(replace_relu6=True).apply(model)
    assert "ReLU6 became ReLU in " in " ".join(remarks)
    small = np.full((1, 8, 8, 3), 1e-3, "float32")  # below the bound both are the same function
    np.testing.assert_allclose(replaced(small), model(small), rtol=1e-4)
    large = 1e3 * np.random.default_rng(3).normal(size=(4, 8, 8, 3)).astype("float32")
    assert np.abs(replaced(large).numpy()).max() > 10 * np.abs(model(large).numpy()).max()
    reloaded = keras.models.clone_model(replaced)
    reloaded.set_weights(replaced.get_weights())
    np.testing.assert_array_equal(reloaded(large), replaced(large))


@pytest.mark.parametrize("between", [lambda: layers.Activation("sigmoid"), lambda: layers.BatchNormalization(axis=1),
                                     lambda: layers.ReLU(threshold=1.0), lambda: layers.ReLU(3.0)])  # fmt: skip
def test_what_is_not_homogeneous_parts_layers(between):
    model = chain(layers.Conv2D(4, 1), between(), layers.Conv2D(3, 1))
    with pytest.raises(tfc.NothingHappened, match="Received: no such pair"):
        tfc.Equalize().apply(model)


def test_only_pairs_with_relu6_is_nothing_and_says_how():
    model = chain(layers.Conv2D(4, 1, name="a"), layers.ReLU(6.0), layers.Conv2D(3, 1, name="b"))
    with pytest.raises(tfc.NothingHappened, match=r"\(a -> b\). Use replace_relu6=True"):
        tfc.Equalize().apply(model)


def test_a_second_time_is_nothing():
    model = chain(layers.Conv2D(4, 1), layers.ReLU(), layers.Conv2D(3, 1))
    with pytest.raises(tfc.NothingHappened, match="equal ranges already"):
        tfc.Equalize().apply(tfc.Equalize().apply(model))


def test_a_tensor_that_is_an_output_too_is_left():
    inputs = keras.Input((8, 8, 3))
    a = layers.Conv2D(4, 1)(inputs)
    assert pairs(keras.Model(inputs, [a, layers.Conv2D(2, 1)(a)])) == ()


@pytest.mark.parametrize("bad", [{"num_rounds": 0}, {"num_rounds": 1.5}, {"replace_relu6": 6}])
def test_a_bad_value_names_its_field(bad):
    with pytest.raises(tfc.InvalidValue, match=f"Equalize.{next(iter(bad))} "):
        tfc.Equalize(**bad)
