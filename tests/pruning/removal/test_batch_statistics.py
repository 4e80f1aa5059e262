"""Statistics of batch normalization against NumPy's."""

import numpy as np

from tfcompress.backend.tensorflow import keras
from tfcompress.pruning.removal.batch_statistics import estimate_batch_statistics

layers = keras.layers
BATCHES = [np.random.default_rng(n).normal(n, 1 + n, (50, 3)).astype("float32") for n in range(3)]


def build():
    inputs = keras.Input((3,))
    x = layers.BatchNormalization(name="first", momentum=0.9)(layers.Dropout(0.5)(inputs))
    return keras.Model(inputs, layers.BatchNormalization(name="second")(layers.Dense(2, name="dense")(x)))


def test_they_are_the_averages_over_batches():
    model = build()
    assert estimate_batch_statistics(model, BATCHES) == 2
    first = model.get_layer("first")
    np.testing.assert_allclose(first.moving_mean, np.mean([b.mean(0) for b in BATCHES], 0), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(first.moving_variance, np.mean([b.var(0) for b in BATCHES], 0), rtol=1e-4)
    # the second layer saw what the first makes of each batch by the batch's own statistics
    kernel = model.get_layer("dense").kernel.numpy()
    seen = [((b - b.mean(0)) / np.sqrt(b.var(0) + first.epsilon)) @ kernel for b in BATCHES]
    second = model.get_layer("second")
    np.testing.assert_allclose(second.moving_variance, np.mean([x.var(0) for x in seen], 0), rtol=1e-3)


def test_settings_are_put_back():
    model = build()
    estimate_batch_statistics(model, BATCHES[:1])
    assert model.get_layer("first").momentum == 0.9
    assert [layer.rate for layer in model.layers if isinstance(layer, layers.Dropout)] == [0.5]


def test_frozen_layers_and_no_batches_change_nothing():
    model = build()
    for layer in model.layers:
        layer.trainable = False
    assert estimate_batch_statistics(model, BATCHES) == 0
    model = build()
    before = model.get_weights()
    assert estimate_batch_statistics(model, []) == 0
    for left, right in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)
