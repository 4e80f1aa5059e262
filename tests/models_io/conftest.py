"""Keras 3, and what the tests say about two models."""

from pathlib import Path

import numpy as np
import pytest

# Keras 3's own way of reading a TensorFlow variable, at which NumPy 2 shakes its head.
KERAS_3_WARNINGS = "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings(KERAS_3_WARNINGS))


@pytest.fixture(scope="session")
def keras3():
    from tfcompress.backend.tensorflow import start_quietly
    from tfcompress.layers.twins import keras3

    start_quietly()
    return keras3()


@pytest.fixture
def small(keras3):
    """A Keras 3 model with a convolution, batch normalization and a dense layer."""
    layers = keras3.layers
    inputs = keras3.Input((8, 8, 3))
    x = layers.BatchNormalization()(layers.Conv2D(4, 3, activation="relu")(inputs))
    return keras3.Model(inputs, layers.Dense(5)(layers.Flatten()(x)), name="small")


@pytest.fixture
def message():
    """What a call raises, which must be one line."""

    def of(kind, action):
        with pytest.raises(kind) as caught:
            action()
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return of


@pytest.fixture
def answers_equal():
    """Whether two tf_keras models answer the same, to the bit or within a tolerance."""

    def equal(first, second, inputs, tolerance=0.0):
        pairs = zip(*(_outputs(model, inputs) for model in (first, second)), strict=True)
        return all(np.abs(one - other).max() <= tolerance for one, other in pairs)

    return equal


def _outputs(model, inputs):
    from tfcompress.backend.tensorflow import tf

    return [np.asarray(output) for output in tf.nest.flatten(model(inputs, training=False))]
