"""What goes with a filter, on a network with each case in it."""

import numpy as np

from tfcompress.backend.tensorflow import keras
from tfcompress.pruning.masks.chains import channel_masks, followers, producer


def network():
    layers = keras.layers
    inputs = keras.Input((8, 8, 3), name="image")
    x = layers.Conv2D(4, 3, padding="same", name="conv1")(inputs)
    x = layers.BatchNormalization(name="normalized")(x)
    x = layers.Activation("relu", name="relu")(x)
    x = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
    x = layers.MaxPooling2D(padding="same", strides=1, name="pooled")(x)
    x = layers.BatchNormalization(scale=False, name="shifted")(x)
    branch = layers.Conv2D(4, 1, activation="sigmoid", name="gate")(x)
    branch = layers.BatchNormalization(name="after_gate")(branch)
    x = layers.BatchNormalization(name="after_sum")(layers.Add(name="sum")([x, branch]))
    return keras.Model(inputs, layers.Dense(2, name="answer")(layers.Flatten(name="flatten")(x)))


def names(parts):
    return {variable.name.split(":")[0] for variable, _ in parts}


def test_followers_are_all_up_to_the_next_kernel_or_sum():
    model = network()
    assert names(followers(model.get_layer("conv1"))) == {
        *("normalized/gamma", "normalized/beta", "depthwise/depthwise_kernel", "depthwise/bias", "shifted/beta"),
    }


def test_a_channel_that_its_activation_does_not_leave_at_zero_takes_nothing_along():
    assert followers(network().get_layer("gate")) == []


def test_the_producer_is_the_layer_whose_channels_come_through_and_go_nowhere_else():
    model = network()
    assert producer(model.get_layer("normalized")).name == "conv1"
    assert producer(model.get_layer("shifted")).name == "conv1"
    assert producer(model.get_layer("after_gate")) is None  # sigmoid(0) is not 0
    assert producer(model.get_layer("after_sum")).name == "sum"


def test_masks_lie_along_the_axis_of_each_part():
    model = network()
    layer = model.get_layer("depthwise")
    keep = np.array([True, False, True, True])
    masks = {variable.name: mask for variable, mask in channel_masks(keep, followers(model.get_layer("normalized")))}
    kernel = masks[layer.depthwise_kernel.name]
    assert kernel.shape == (3, 3, 4, 1)
    assert not kernel[:, :, 1].any()
    assert kernel[:, :, [0, 2, 3]].all()
    np.testing.assert_array_equal(masks[layer.bias.name], keep)
