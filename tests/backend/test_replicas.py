"""Without a strategy; what replicas do together stands in tests/test_strategies.py."""

import numpy as np

from tfcompress.backend.replicas import _Moments, in_one_replica, num_replicas, scope_of_strategy, whole_batch
from tfcompress.backend.tensorflow import keras, tf


def test_one_replica_has_the_whole_batch():
    batch = tf.range(3)
    assert num_replicas() == 1
    assert whole_batch(batch) is batch
    assert int(in_one_replica(lambda: tf.reduce_sum(batch))) == 3


def test_a_model_made_without_a_strategy_has_no_scope():
    model = keras.Sequential([keras.layers.Dense(1, input_shape=(2,))])
    with scope_of_strategy(model):
        assert not tf.distribute.has_strategy()


def test_a_model_made_under_a_strategy_has_its_scope():
    strategy = tf.distribute.OneDeviceStrategy("CPU:0")
    with strategy.scope():
        model = keras.Sequential([keras.layers.Dense(1, input_shape=(2,))])
    with scope_of_strategy(model), scope_of_strategy(model):
        assert tf.distribute.get_strategy() is strategy


def trained(shared):
    """A batch normalization after one batch of a training, by the fused kernel or by ours; and its outputs."""
    inputs = np.random.default_rng(0).normal(3, 2, (2, 4, 4, 3)).astype("float32")
    layer = keras.layers.BatchNormalization()
    layer.build(inputs.shape)
    assert layer.fused
    moments = _Moments(layer) if shared else None
    outputs = layer(inputs, training=True)
    if moments:
        moments.end()
    return layer, outputs


def test_moments_over_replicas_are_those_of_the_fused_kernel():
    (ours, outputs), (theirs, expected) = trained(True), trained(False)
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    for weight, other in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_allclose(weight, other, rtol=1e-5)


def test_a_layer_is_left_as_it_was():
    layer, _ = trained(True)
    assert layer.fused
    assert not {"_calculate_mean_and_var", "_assign_moving_average"} & set(vars(layer))
