"""Which channels are coupled, on graphs small enough to tell by hand."""

import numpy as np
import pytest

from tfcompress.backend.tensorflow import keras, tf, tfmot
from tfcompress.core.errors import UnsupportedModel
from tfcompress.graph.dependencies import channel_graph
from tfcompress.models.resnet import resnet

layers = keras.layers


def image(channels=3, size=8):
    return keras.Input((size, size, channels), name="image")


def conv(filters, name, **options):
    return layers.Conv2D(filters, 1, name=name, **options)


def model_of(inputs, outputs):
    """With a convolution after `outputs`, so that these are not the model's output."""
    return keras.Model(inputs, conv(2, "last")(outputs))


def axis(graph, layer, weight, number):
    return next(a for a in graph.axes if (a.layer, a.weight, a.axis) == (layer, weight, number))


def reason(graph, layer, channel=0):
    return graph.pinned.get(int(graph.outputs[layer][channel]), "")


def test_channels_of_layers_in_a_row_are_their_own_and_ends_are_pinned():
    inputs = image()
    graph = channel_graph(model_of(inputs, conv(4, "first")(inputs)))
    assert len(set(graph.outputs["first"])) == 4
    np.testing.assert_array_equal(axis(graph, "last", "kernel", 2).groups, graph.outputs["first"])
    assert not reason(graph, "first")
    assert reason(graph, "last") == "it is the model's output"
    assert graph.pinned[int(axis(graph, "first", "kernel", 2).groups[0])] == "it is the model's input"


def test_addition_couples_channel_by_channel():
    inputs = image()
    graph = channel_graph(model_of(inputs, layers.Add()([conv(4, "a")(inputs), conv(4, "b")(inputs)])))
    np.testing.assert_array_equal(graph.outputs["a"], graph.outputs["b"])
    assert [family.layers for family in graph.families] == [("a", "b")]


def test_a_residual_network_has_one_family_a_stage_and_one_a_block():
    graph = channel_graph(resnet(20, (8, 8, 3)))  # three stages of three blocks
    assert len(graph.families) == 3 + 9
    assert graph.families[0].layers == ("stem", *(f"stage1_block{n}_conv2" for n in (1, 2, 3)))


def test_concatenation_joins_the_lists():
    inputs = image()
    joined = layers.Concatenate()([conv(2, "a")(inputs), conv(3, "b")(inputs)])
    graph = channel_graph(model_of(inputs, layers.BatchNormalization(name="bn")(joined)))
    expected = [*graph.outputs["a"], *graph.outputs["b"]]
    for layer, weight, number in (("bn", "gamma", 0), ("bn", "moving_variance", 0), ("last", "kernel", 2)):
        np.testing.assert_array_equal(axis(graph, layer, weight, number).groups, expected)


def test_flattening_repeats_each_channel_at_each_place():
    inputs = image(size=2)
    hidden = layers.Dense(5, name="dense")(layers.Flatten()(conv(3, "a")(inputs)))
    graph = channel_graph(keras.Model(inputs, layers.Dense(2, name="logits")(hidden)))
    np.testing.assert_array_equal(axis(graph, "dense", "kernel", 0).groups, np.tile(graph.outputs["a"], 4))


def test_reshaping_to_a_picture_couples_a_channel_over_all_places():
    inputs = keras.Input((6,))
    picture = layers.Reshape((2, 2, 3), name="reshape")(layers.Dense(12, name="dense")(inputs))
    graph = channel_graph(model_of(inputs, picture))
    made = graph.outputs["dense"].reshape(4, 3)
    assert (made == made[0]).all()
    assert len(set(made[0])) == 3
    setting = next(setting for setting in graph.settings if setting.layer == "reshape")
    assert setting.path == ("target_shape", 2)


def test_a_depthwise_convolution_repeats_each_channel_by_its_multiplier():
    inputs = image()
    depthwise = layers.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise")
    graph = channel_graph(model_of(inputs, depthwise(conv(3, "a")(inputs))))
    np.testing.assert_array_equal(graph.outputs["depthwise"], np.repeat(graph.outputs["a"], 2))
    assert graph.families[0].channels_per_group == 2


def test_whole_groups_of_a_grouped_convolution_go_with_what_they_read():
    inputs = image()
    graph = channel_graph(model_of(inputs, conv(8, "grouped", groups=2)(conv(4, "a")(inputs))))
    assert [len(set(graph.outputs["grouped"][:4])), len(set(graph.outputs["grouped"]))] == [1, 2]
    np.testing.assert_array_equal(graph.outputs["a"], np.repeat(graph.outputs["grouped"][[0, 4]], 2))


def test_squeeze_and_excitation_is_coupled_though_sigmoid_makes_a_half_of_zero():
    inputs = image()
    x = conv(4, "a")(inputs)
    gate = conv(2, "squeeze", activation="relu")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    gate = conv(4, "excite", activation="sigmoid")(gate)
    graph = channel_graph(model_of(inputs, layers.Multiply()([x, gate])))
    np.testing.assert_array_equal(graph.outputs["a"], graph.outputs["excite"])
    assert not reason(graph, "a")
    assert not reason(graph, "squeeze")


def test_channels_that_are_not_zero_when_zeroed_are_pinned_where_they_are_read():
    inputs = image()
    graph = channel_graph(model_of(inputs, conv(4, "a", activation="sigmoid")(inputs)))
    assert reason(graph, "a") == "layer 'last' (Conv2D) would read 0.5 where the channel is zeroed"


def test_hard_swish_written_as_arithmetic_keeps_zero_at_zero():
    inputs = image()
    x = conv(4, "a")(inputs)
    assert not reason(channel_graph(model_of(inputs, x * tf.nn.relu6(x + 3.0) / 6.0)), "a")
    assert "would read 0.5" in reason(channel_graph(model_of(inputs, tf.nn.relu6(x + 3.0) / 6.0)), "a")


def test_layer_normalization_and_softmax_pin_what_they_divide_by():
    inputs = image()
    for layer, words in ((layers.LayerNormalization(), "statistics over all"), (layers.Softmax(), "a sum over")):
        assert words in reason(channel_graph(model_of(inputs, layer(conv(4, "a")(inputs)))), "a")


def test_group_normalization_couples_the_channels_of_a_group():
    inputs = image()
    graph = channel_graph(model_of(inputs, layers.GroupNormalization(2)(conv(6, "a")(inputs))))
    assert [len(set(graph.outputs["a"][:3])), len(set(graph.outputs["a"]))] == [1, 2]
    assert not reason(graph, "a")


def test_an_unknown_layer_pins_both_sides_and_says_so():
    inputs = image()
    unknown = layers.Lambda(lambda x: x, name="odd")(conv(4, "a")(inputs))
    graph = channel_graph(model_of(inputs, unknown))
    assert reason(graph, "a") == "layer 'odd' (Lambda) is one that the graph of channels cannot follow"
    assert int(axis(graph, "last", "kernel", 2).groups[0]) in graph.pinned


def test_a_shared_layer_couples_what_it_reads_at_all_its_calls():
    inputs = image()
    shared = conv(3, "shared")
    x = layers.Add()([shared(conv(4, "a")(inputs)), shared(conv(4, "b")(inputs))])
    graph = channel_graph(model_of(inputs, x))
    np.testing.assert_array_equal(graph.outputs["a"], graph.outputs["b"])
    assert len(set(graph.outputs["shared"])) == 3


def test_a_unit_of_an_lstm_lies_in_each_gate():
    inputs = keras.Input((5, 2))
    graph = channel_graph(keras.Model(inputs, layers.Dense(2)(layers.LSTM(3, name="lstm")(inputs))))
    np.testing.assert_array_equal(axis(graph, "lstm", "kernel", 1).groups, np.tile(graph.outputs["lstm"], 4))
    np.testing.assert_array_equal(axis(graph, "lstm", "recurrent_kernel", 0).groups, graph.outputs["lstm"])
    assert not reason(graph, "lstm")


def test_a_recurrent_layer_whose_state_others_see_is_pinned():
    inputs = keras.Input((5, 2))
    x, *state = layers.LSTM(3, return_state=True, name="lstm")(layers.Dense(4, name="dense")(inputs))
    graph = channel_graph(keras.Model(inputs, layers.Dense(2)(layers.Add()([x, state[0]]))))
    assert "states that others see" in reason(graph, "dense")


def test_attention_goes_by_heads():
    inputs = keras.Input((5, 8))
    attention = layers.MultiHeadAttention(2, 3, name="attention")
    graph = channel_graph(keras.Model(inputs, layers.Dense(2)(attention(inputs, inputs))))
    heads = graph.outputs["attention"]
    assert len(set(heads)) == 2
    members = graph.groups[int(heads[0])].members
    # the first head in kernel and bias of query, key and value, and in the kernel of the output
    assert [(member.axis, member.indices) for member in members] == [(1, (0,)), (0, (0,))] * 3 + [(0, (0,))]


def test_activation_layers_of_one_kind_with_other_settings_are_told_apart():
    inputs = image()
    x = layers.ReLU()(conv(4, "a")(inputs))
    y = layers.ReLU()(conv(4, "b")(x))
    z = layers.ReLU(negative_slope=0.5, threshold=1.0)(conv(4, "c")(y))  # which makes -0.5 of 0
    graph = channel_graph(model_of(inputs, z))
    removable = {layer for family in graph.families for layer in family.layers}
    assert removable == {"a", "b"}


def test_dead_channels_are_those_that_nothing_sees():
    inputs = image()
    x = layers.BatchNormalization(name="bn")(conv(4, "a", use_bias=False)(inputs))
    model = model_of(inputs, layers.ReLU()(x))
    model.get_layer("bn").gamma.assign([1.0, 0.0, 0.0, 1.0])  # the second is zero, the third its offset
    model.get_layer("bn").beta.assign([0.1, 0.0, 0.2, 0.1])
    kernel = model.get_layer("last").kernel.numpy()
    kernel[:, :, 3] = 0.0  # and the fourth is read with zeros
    model.get_layer("last").kernel.assign(kernel)
    graph = channel_graph(model, find_dead=True)
    assert graph.dead == {int(graph.outputs["a"][1]), int(graph.outputs["a"][3])}
    assert channel_graph(model).dead == frozenset()


def test_a_quantization_aware_model_is_refused():
    aware = tfmot.quantization.keras.quantize_model(keras.Sequential([keras.Input((4,)), layers.Dense(2)]))
    with pytest.raises(UnsupportedModel, match="Remove channels before quantization"):
        channel_graph(aware)
