"""A model without channels answers as the whole one does with these channels zeroed."""

import numpy as np
import pytest

from tfcompress.backend.tensorflow import keras, tf
from tfcompress.core.errors import InvalidValue, NothingHappened, UnsupportedModel
from tfcompress.graph.dependencies import channel_graph
from tfcompress.models.resnet import resnet
from tfcompress.models.simple_cnn import simple_cnn
from tfcompress.models_io.copying import copy_model, load_model, save_model
from tfcompress.pruning.removal.removal import remove_channels, remove_empty, remove_groups, spared, zero_groups

layers = keras.layers


def disturbed(model, seed=0):
    """Scales, offsets, biases and moving averages that are not zeros and ones, or the comparison could not fail."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        kind = weight.name.split("/")[-1].split(":")[0]
        if kind in ("gamma", "moving_variance"):
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
        elif kind in ("beta", "bias", "moving_mean", "alpha"):
            weight.assign(rng.normal(0, 0.3, weight.shape))
    return model


def answers(model, seed=1):
    rng = np.random.default_rng(seed)
    shapes = [((2, *tensor.shape[1:]), tensor.dtype.is_floating) for tensor in model.inputs]
    inputs = [rng.normal(size=size).astype("float32") if real else rng.integers(0, 9, size) for size, real in shapes]
    return np.asarray(model(inputs if len(inputs) > 1 else inputs[0], training=False))


def unet():
    x = inputs = keras.Input((8, 8, 3))
    skip = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(6, 3, padding="same")(x)))
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(layers.MaxPooling2D()(skip))
    x = layers.PReLU(shared_axes=[1, 2])(layers.Conv2DTranspose(6, 2, strides=2)(x))
    x = layers.Conv2D(6, 3, padding="same")(layers.Concatenate()([x, skip]))
    x = layers.UpSampling2D()(layers.AveragePooling2D()(layers.ZeroPadding2D(1)(x)))
    return keras.Model(inputs, layers.Conv2D(2, 1)(x))


def transformer():
    x = inputs = keras.Input((6,), dtype="int32")
    x = layers.Embedding(9, 12)(x)
    x = layers.LayerNormalization()(layers.Add()([x, layers.MultiHeadAttention(4, 3)(x, x)]))
    x = layers.Add()([x, layers.Dense(12)(layers.Dense(20, activation="gelu")(x))])
    return keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling1D()(x)))


def recurrent():
    x = inputs = keras.Input((3,), dtype="int32")
    x = layers.Embedding(9, 8, mask_zero=True)(x)
    x = layers.Bidirectional(layers.LSTM(5, return_sequences=True))(x)
    x = layers.TimeDistributed(layers.Dense(7, activation="relu"))(layers.GRU(6, return_sequences=True)(x))
    return keras.Model(inputs, layers.Dense(3)(layers.SimpleRNN(5)(x)))


def squeezed():
    """Separable, depthwise, grouped and gated; arithmetic of TensorFlow's own."""
    x = inputs = keras.Input((8, 8, 4))
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, activation="relu")(layers.SeparableConv2D(8, 3)(x))
    x = layers.GroupNormalization(4)(layers.Conv2D(16, 1, groups=4)(x))
    x = layers.Conv2D(12, 1)(x)
    x = x * tf.nn.relu6(x + 3.0) / 6.0
    gate = layers.Conv2D(5, 1, activation="relu")(tf.reduce_mean(x, axis=[1, 2], keepdims=True))
    x = layers.Multiply()([x, layers.Conv2D(12, 1, activation="sigmoid")(gate)])
    return keras.Model(inputs, layers.Dense(3)(layers.Flatten()(x)))


def shuffled():
    """ShuffleNet's: channels dealt out to two groups, split, and joined again."""
    x = inputs = keras.Input((4, 4, 3))
    x = layers.Conv2D(12, 1)(x)
    x = tf.transpose(tf.reshape(x, [-1, 4, 4, 2, 6]), [0, 1, 2, 4, 3])
    first, second = tf.split(tf.reshape(x, [-1, 4, 4, 12]), 2, axis=-1)
    x = tf.concat([layers.Conv2D(6, 1)(first), second], axis=-1)
    x = layers.Reshape((2, 2, 5))(layers.Dense(20)(layers.GlobalMaxPooling2D()(x)))
    return keras.Model(inputs, layers.Dense(3)(layers.Flatten()(layers.Permute((3, 1, 2))(x))))


def one_and_three_dimensions():
    line, cube = keras.Input((16, 4)), keras.Input((5, 5, 5, 2))
    x = layers.Conv1DTranspose(6, 2, strides=2)(layers.Conv1D(8, 3, padding="causal", activation="relu")(line))
    x = layers.BatchNormalization(scale=False)(layers.SeparableConv1D(7, 3)(layers.Cropping1D(1)(x)))
    x = layers.GlobalAveragePooling1D()(layers.DepthwiseConv1D(3)(x))
    y = layers.GlobalMaxPooling3D()(layers.Conv3DTranspose(6, 2)(layers.Conv3D(5, 3, activation="elu")(cube)))
    return keras.Model([line, cube], layers.Dense(3)(layers.Concatenate()([x, y])))


def sequential():
    return keras.Sequential(
        [keras.Input((6, 6, 3)), layers.Conv2D(8, 3), layers.Flatten(), layers.Dense(9, "relu"), layers.Dense(3)]
    )


def shared():
    inputs = keras.Input((6, 6, 3))
    twice = layers.Conv2D(8, 3, padding="same", activation="relu")
    x = layers.Average()([twice(layers.Conv2D(5, 1)(inputs)), twice(layers.Conv2D(5, 3, padding="same")(inputs))])
    return keras.Model(inputs, layers.Dense(3)(layers.Flatten()(x)))


MODELS = (
    lambda: resnet(8, (8, 8, 3)),
    lambda: simple_cnn((8, 8, 1), width=8),
    *(unet, transformer, recurrent, squeezed, shuffled, one_and_three_dimensions, sequential, shared),
)


@pytest.mark.parametrize("build", MODELS, ids=lambda build: build.__name__)
def test_the_smaller_model_equals_the_masked_one(build):
    model = disturbed(build())
    graph = channel_graph(model)
    rng = np.random.default_rng(2)
    chosen = [rng.choice(family.groups, round(0.4 * len(family.groups)), replace=False) for family in graph.families]
    groups = spared(graph, set(np.concatenate(chosen).tolist()))
    assert groups
    whole, masked = answers(model), answers(zero_groups(model, graph, groups))
    smaller = remove_groups(model, graph, groups)
    assert np.abs(masked - whole).max() > 1e-3 * np.abs(whole).max()  # or nothing would be shown
    np.testing.assert_allclose(answers(smaller), masked, rtol=0, atol=1e-5 * np.abs(masked).max())
    assert smaller.count_params() < model.count_params()
    assert [layer.name for layer in smaller.layers] == [layer.name for layer in model.layers]
    np.testing.assert_array_equal(answers(model), whole)  # which is unchanged


def test_coupled_layers_follow_and_the_model_can_be_copied_and_stored(tmp_path):
    smaller = remove_channels(disturbed(resnet(8, (8, 8, 3))), {"stem": [0, 3], "stage2_block1_conv1": range(8, 16)})
    filters = {layer.name: layer.filters for layer in smaller.layers if hasattr(layer, "filters")}
    assert (filters["stem"], filters["stage1_block1_conv2"], filters["stage1_block1_conv1"]) == (14, 14, 16)
    assert (filters["stage2_block1_conv1"], filters["stage2_block1_conv2"]) == (24, 32)
    save_model(smaller, tmp_path / "model.keras")
    for again in (copy_model(smaller), load_model(tmp_path / "model.keras")):
        np.testing.assert_array_equal(answers(again), answers(smaller))


def test_what_is_left_is_what_was_there():
    model = simple_cnn((8, 8, 1), width=4, hidden_units=8)
    smaller = remove_channels(model, {"conv1": [1]})
    kept = [0, 2, 3]
    np.testing.assert_array_equal(
        smaller.get_layer("conv1").get_weights()[0], model.get_layer("conv1").kernel.numpy()[..., kept]
    )
    np.testing.assert_array_equal(
        smaller.get_layer("conv2").get_weights()[0], model.get_layer("conv2").kernel.numpy()[:, :, kept]
    )


def test_heads_of_attention_are_removed():
    model = transformer()
    name = next(layer.name for layer in model.layers if isinstance(layer, layers.MultiHeadAttention))
    smaller = remove_channels(model, {name: [0, 2]}).get_layer(name)
    assert smaller.get_config()["num_heads"] == 2
    assert [tuple(weight.shape) for weight in smaller.weights][-2:] == [(2, 3, 12), (12,)]


@pytest.mark.parametrize(
    ("removed", "error", "words"),
    [
        ({"logits": [0]}, UnsupportedModel, "logits must stay: it is the model's output. Keep that layer whole."),
        ({"stem": range(16)}, UnsupportedModel, "'stem' must keep at least one channel"),
        ({"stm": [0]}, InvalidValue, "Received: 'stm'. Near it: stem"),
        ({"stem": [16]}, InvalidValue, r"expects channels in \[0, 16\) of 'stem'. Received: \[16\]"),
        ({}, NothingHappened, "Received: none"),
    ],
)
def test_what_cannot_be_removed_is_told(removed, error, words):
    with pytest.raises(error, match=words):
        remove_channels(resnet(8, (8, 8, 3)), removed)


def test_empty_channels_go_without_a_trace():
    model = disturbed(resnet(8, (8, 8, 3)))
    graph = channel_graph(model)
    groups = {int(graph.outputs["stem"][2]), *graph.outputs["stage3_block1_conv1"][:10].tolist()}
    masked = zero_groups(model, graph, groups)
    smaller = remove_empty(masked)
    np.testing.assert_allclose(answers(smaller), answers(masked), rtol=0, atol=1e-5)
    assert (smaller.get_layer("stem").filters, smaller.get_layer("stage3_block1_conv1").filters) == (15, 54)


def test_of_a_layer_that_is_empty_altogether_one_channel_stays():
    model = simple_cnn((8, 8, 1), width=4, hidden_units=8)
    model.get_layer("conv1").set_weights([np.zeros((3, 3, 1, 4)), np.zeros(4)])
    assert remove_empty(model).get_layer("conv1").filters == 1


def test_a_filter_of_zeros_with_a_bias_is_not_empty():
    model = simple_cnn((8, 8, 1), width=4, hidden_units=8)
    kernel, bias = model.get_layer("conv1").get_weights()
    kernel[..., 1], bias[1] = 0.0, 0.5
    model.get_layer("conv1").set_weights([kernel, bias])
    with pytest.raises(NothingHappened, match="Zero whole filters first"):
        remove_empty(model)


def test_layers_stay_frozen_named_and_initialized_as_they_were():
    model = resnet(8, (8, 8, 3))
    model.get_layer("stem_bn").trainable = False
    smaller = remove_channels(model, {"stem": [0]})
    assert [layer.trainable for layer in smaller.layers] == [layer.trainable for layer in model.layers]
    assert [weight.name for weight in smaller.weights] == [weight.name for weight in model.weights]
    assert isinstance(smaller.get_layer("stem").kernel_initializer, keras.initializers.HeNormal)
    traced = type(smaller).from_config(smaller.get_config())  # by Keras, layer by layer
    shapes = [[layer.output_shape for layer in each.layers] for each in (smaller, traced)]
    assert shapes[0] == shapes[1]
    assert [weight.shape for weight in smaller.weights] == [weight.shape for weight in traced.weights]
