"""Figures worked by hand: parameters are kernel entries and biases; MACs are kernel entries times output positions."""

import numpy as np
import pytest

from tfcompress.backend.tensorflow import keras, tfmot
from tfcompress.measuring.measure import (
    count_parameters,
    kernels,
    macs_by_layer,
    measure,
    overall_sparsity,
    shares_values,
    zero_share,
)

layers = keras.layers


def sequential(layer, shape):
    return keras.Sequential([keras.Input(shape), layer])


@pytest.mark.parametrize(
    ("layer", "shape", "num_parameters", "num_macs"),
    [
        # kernel 3*3*2*5 = 90, bias 5; output (9 - 3) // 2 + 1 = 4 by 4
        (lambda: layers.Conv2D(5, 3, strides=2, padding="valid"), (9, 9, 2), 95, 4 * 4 * 90),
        # the same kernel; output ceil(9 / 2) = 5 by 5
        (lambda: layers.Conv2D(5, 3, strides=2, padding="same"), (9, 9, 2), 95, 5 * 5 * 90),
        # the same kernel; channels first; output 9 - 2 = 7 by 7
        (lambda: layers.Conv2D(5, 3, data_format="channels_first"), (2, 9, 9), 95, 7 * 7 * 90),
        # two groups of 2 channels: kernel 3*3*2*4 = 72, bias 4; output 4 by 4
        (lambda: layers.Conv2D(4, 3, groups=2), (6, 6, 4), 76, 4 * 4 * 72),
        # kernel 3*3*4*2 = 72, bias 8; output 4 by 4
        (lambda: layers.DepthwiseConv2D(3, depth_multiplier=2), (6, 6, 4), 80, 4 * 4 * 72),
        # depthwise 3*3*4 = 36, pointwise 4*5 = 20, bias 5; output 4 by 4
        (lambda: layers.SeparableConv2D(5, 3), (6, 6, 4), 61, 4 * 4 * 56),
        # kernel 2*2*3*5 = 60, bias 3; each of the 4 by 4 input positions uses it once
        (lambda: layers.Conv2DTranspose(3, 2, strides=2), (4, 4, 5), 63, 4 * 4 * 60),
        # kernel 3*2*4 = 24, bias 4; dilated by 2 it spans 5 positions: output 10 - 4 = 6
        (lambda: layers.Conv1D(4, 3, dilation_rate=2), (10, 2), 28, 6 * 24),
        # depthwise 3*4 = 12, pointwise 4*5 = 20, bias 5; output 10 - 2 = 8
        (lambda: layers.SeparableConv1D(5, 3), (10, 4), 37, 8 * 32),
        # kernel 2*2*2*1*3 = 24, no bias; output 3 by 3 by 3
        (lambda: layers.Conv3D(3, 2, use_bias=False), (4, 4, 4, 1), 24, 27 * 24),
        # kernel 7*3 = 21, bias 3; once
        (lambda: layers.Dense(3), (7,), 24, 21),
        # the same kernel, at each of 5 positions
        (lambda: layers.Dense(3), (5, 7), 24, 5 * 21),
        (lambda: layers.TimeDistributed(layers.Dense(3)), (5, 7), 24, 5 * 21),
        # a table of 10 rows of 4: rows are looked up, not multiplied
        (lambda: layers.Embedding(10, 4), (3,), 40, 0),
        # gamma, beta, mean, variance of 6 channels; no kernel
        (lambda: layers.BatchNormalization(), (6,), 24, 0),
    ],
)
def test_parameters_and_macs(layer, shape, num_parameters, num_macs):
    figures = measure(sequential(layer(), shape))
    assert (figures.num_parameters, figures.num_macs, figures.uncounted_layers) == (num_parameters, num_macs, ())


@pytest.mark.parametrize(
    ("layer", "num_parameters", "num_kernels", "num_macs"),
    [
        # 5 steps of (2 inputs + 3 states) * 3 units, in four gates; parameters, with a bias: (2 + 3 + 1) * 3 * 4
        (lambda: layers.LSTM(3), 72, 2, 5 * 4 * 15),
        (lambda: layers.Bidirectional(layers.LSTM(3)), 144, 4, 2 * 5 * 4 * 15),
        # three gates, each with two biases
        (lambda: layers.GRU(3, return_sequences=True), 63, 2, 5 * 3 * 15),
        (lambda: layers.SimpleRNN(3), 18, 2, 5 * 15),
        # (2, 6) without bias, at each of 5 places
        (lambda: layers.EinsumDense("abc,cd->abd", output_shape=(None, 6)), 12, 1, 5 * 12),
        (lambda: layers.EinsumDense("...c,cd->...d", output_shape=(6,)), 12, 1, 5 * 12),
        # over places too: (5, 2, 6), once
        (lambda: layers.EinsumDense("abc,bcd->ad", output_shape=6), 60, 1, 60),
    ],
)
def test_recurrent_layers_work_at_each_step_and_products_at_each_place(layer, num_parameters, num_kernels, num_macs):
    figures = measure(sequential(layer(), (5, 2)))
    assert (figures.num_macs, figures.num_parameters, len(figures.kernel_sparsity)) == (
        *(num_macs, num_parameters, num_kernels),
    )
    assert figures.uncounted_layers == ()


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (lambda: layers.ConvLSTM1D(3, 2, name="x"), (5, 4, 2)),
        (lambda: layers.LSTM(3, name="x"), (None, 2)),
        (lambda: layers.EinsumDense("abc,cd->abd", output_shape=(None, 6), name="x"), (None, 2)),
    ],
)
def test_what_has_no_formula_or_no_length_is_told(layer, shape):
    figures = measure(sequential(layer(), shape))
    assert (figures.num_macs, figures.uncounted_layers) == (0, ("x",))


def test_a_recurrent_layer_in_a_time_distributed_one_works_at_each_place_and_step():
    figures = measure(sequential(layers.TimeDistributed(layers.SimpleRNN(3)), (7, 5, 2)))
    assert figures.num_macs == 7 * 5 * 15


def test_attention_has_four_kernels_and_two_products_of_its_own():
    inputs = keras.Input((3, 4))
    model = keras.Model(inputs, layers.MultiHeadAttention(2, 2, name="heads")(inputs, inputs))
    figures = measure(model)
    # query, key, value: 4*2*2 + 4 each; output: 2*2*4 + 4
    assert figures.num_parameters == 3 * 20 + 20
    assert sum(values.size for values in kernels(model).values()) == 4 * 16
    # each of the four at 3 places; of 3 * 3 pairs the scores and the means, in 2 heads of 2
    assert (figures.num_macs, figures.uncounted_layers) == (3 * 64 + 9 * 2 * (2 + 2), ())


def test_attention_over_another_sequence_with_sizes_of_its_own():
    query, value = keras.Input((3, 4)), keras.Input((5, 6))
    heads = layers.MultiHeadAttention(2, 3, value_dim=7, output_shape=8)
    model = keras.Model([query, value], heads(query, value=value, return_attention_scores=True))
    # in: 3 * 4 * 2 * 3, 5 * 6 * 2 * 3, 5 * 6 * 2 * 7; scores 3 * 5 * 2 * 3, means 3 * 5 * 2 * 7; out: 3 * 2 * 7 * 8
    assert measure(model).num_macs == 72 + 180 + 420 + 90 + 210 + 336


def test_attention_along_one_axis_of_two_has_fewer_pairs():
    inputs = keras.Input((3, 5, 4))
    model = keras.Model(inputs, layers.MultiHeadAttention(1, 2, attention_axes=(2,))(inputs, inputs))
    # four kernels of 4 * 2 at 15 places; pairs among 5, at each of 3: scores and means of 2
    assert measure(model).num_macs == 15 * 32 + 3 * 25 * (2 + 2)


def test_a_shared_layer_has_its_weights_once_and_works_twice():
    shared, first, second = layers.Dense(4), keras.Input((4,)), keras.Input((4,))
    model = keras.Model([first, second], layers.Add()([shared(first), shared(second)]))
    figures = measure(model)
    assert (figures.num_parameters, figures.num_macs) == (20, 2 * 16)


def nested():
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="inside")], name="inner")
    first, second = keras.Input((4,)), keras.Input((4,))
    outside = layers.Dense(2, name="outside")(layers.Add()([inner(first), inner(second)]))
    return keras.Model([first, second], outside)


def test_a_nested_model_used_twice_counts_once_in_weights_and_twice_in_work():
    figures = measure(nested())
    # inside 4*3 + 3 = 15, outside 3*2 + 2 = 8
    assert (figures.num_parameters, figures.num_macs) == (23, 2 * 12 + 6)
    assert set(figures.kernel_sparsity) == {"inside/kernel", "outside/kernel"}


def test_a_layer_in_a_nested_model_and_beside_it_has_its_weights_once():
    shared, within = layers.Dense(4), keras.Input((4,))
    inner, inputs = keras.Model(within, shared(within)), keras.Input((4,))
    model = keras.Model(inputs, layers.Add()([inner(inputs), shared(inputs)]))
    assert count_parameters(model) == model.count_params() == 20


def test_sparsity_is_over_the_entries_of_all_kernels():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(2, name="a"), layers.Dense(6, name="b")])
    model.get_layer("a").kernel.assign([[0, 1], [0, 1], [0, 1], [1, 1]])  # 3 of 8
    model.get_layer("b").kernel.assign(np.ones((2, 6)))  # 0 of 12; the biases, all zeros, do not count
    figures = measure(model)
    assert figures.kernel_sparsity == {"a/kernel": 3 / 8, "b/kernel": 0.0}
    assert figures.sparsity == 3 / 20


def test_only_exact_zeros_count():
    assert zero_share(np.array([0.0, -0.0, 1e-30, 5.0])) == 0.5


def test_no_kernels_are_not_sparse():
    assert overall_sparsity({}) == 0.0
    assert zero_share(np.empty((0, 3))) == 0.0


def test_a_quantization_aware_model_measures_as_its_plain_one(sparse, aware):
    plain, wrapped = measure(sparse), measure(aware)
    assert (wrapped.quantization_aware, plain.quantization_aware) == (True, False)
    assert (wrapped.num_parameters, wrapped.num_macs) == (plain.num_parameters, plain.num_macs)
    assert wrapped.kernel_sparsity.keys() == plain.kernel_sparsity.keys()


def test_a_model_wrapped_for_pruning_measures_as_its_plain_one(sparse):
    wrapped = tfmot.sparsity.keras.prune_low_magnitude(
        keras.models.clone_model(sparse), tfmot.sparsity.keras.ConstantSparsity(0.5, 0)
    )
    wrapped_figures, plain = measure(wrapped), measure(sparse)
    assert (wrapped_figures.num_parameters, wrapped_figures.num_macs) == (plain.num_parameters, plain.num_macs)
    assert wrapped_figures.kernel_sparsity.keys() == plain.kernel_sparsity.keys()


def test_macs_of_a_layer_are_those_of_all_its_calls():
    shared, inputs = layers.Dense(4, name="shared"), keras.Input((4,))
    memory = layers.LSTM(3, name="memory")(layers.Reshape((1, 4))(shared(shared(inputs))))
    model = keras.Model(inputs, layers.Dense(2, name="d")(memory))
    assert macs_by_layer(model) == {"shared": 2 * 16, "memory": 4 * 3 * (4 + 3), "d": 6}


def test_distinct_values_are_counted_by_kernel():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(2, name="a")])
    model.get_layer("a").kernel.assign([[0, -0.0], [3, 1], [1, 1], [3, 3]])
    assert measure(model).kernel_values == {"a/kernel": 3}


@pytest.mark.parametrize(
    ("values", "clustered"),
    [
        ([1, 1, 2, 2], True),
        ([0, 0, 0, 0, 1, 2], False),  # pruned, not clustered
        ([0, 0, 1, 1, 2, 2], True),
        ([1, 2, 3, 3], False),
        ([0, 0], False),
        (list(range(1, 258)) * 2, False),
    ],
)
def test_clustered_is_what_uses_few_values_twice(values, clustered):
    assert shares_values(np.array(values, float)) == clustered


def test_pictures_of_any_size_have_no_number_of_multiply_accumulates():
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, keras.layers.Dense(2, name="each")(keras.layers.Conv2D(4, 3, name="conv")(inputs)))
    assert set(measure(model).uncounted_layers) == {"conv", "each"}
