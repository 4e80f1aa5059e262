import numpy as np
import pytest

from tfcompress.backend.tensorflow import keras, tf
from tfcompress.graph.homogeneous import PASSING, activation_role, role

layers = keras.layers
OPTIONS = {"Dropout": {"rate": 0.5}, "SpatialDropout1D": {"rate": 0.5}, "SpatialDropout2D": {"rate": 0.5}}


@pytest.mark.parametrize("kind", sorted(PASSING))
def test_what_passes_is_homogeneous_channel_by_channel(kind):
    layer = getattr(layers, kind)(**OPTIONS.get(kind, {}))
    shape = (3, 6, 4) if kind.endswith("1D") else (3, 6, 6, 4)
    random = np.random.default_rng(0)
    values, s = random.normal(size=shape).astype("float32"), np.array([0.25, 1.0, 3.0, 8.0], "float32")
    expected = layer(values).numpy().reshape(3, -1, 4) * s
    np.testing.assert_allclose(layer(values * s).numpy().reshape(3, -1, 4), expected, rtol=1e-5, atol=1e-6)
    assert role(layer) == "homogeneous"


@pytest.mark.parametrize(
    ("layer", "wanted"),
    [
        (layers.ReLU(), "homogeneous"),
        (layers.ReLU(negative_slope=0.1), "homogeneous"),
        (layers.ReLU(6), "relu6"),
        (layers.ReLU(4), "other"),
        (layers.ReLU(threshold=1.0), "other"),
        (layers.Activation("linear"), "homogeneous"),
        (layers.Activation("swish"), "other"),
        (layers.ELU(), "other"),
        (layers.BatchNormalization(), "other"),
        (layers.MaxPooling2D(data_format="channels_first"), "other"),
    ],
)
def test_roles(layer, wanted):
    assert role(layer) == wanted


def test_a_class_of_ones_own_is_not_known():
    class Flatten(layers.Layer):
        pass

    assert role(Flatten()) == "other"
    assert activation_role(tf.nn.relu) == "homogeneous"
