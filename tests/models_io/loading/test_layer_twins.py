"""Formulas that differ between the two Keras, and settings that one of them lacks."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras as keras2
from tfcompress.backend.tensorflow import tf
from tfcompress.layers.twins import ACTIVATIONS
from tfcompress.layers.twins import keras3 as import_keras3
from tfcompress.models_io.loading.layer_twins import NoTwin, make_twin

keras = import_keras3()
NAMES = sorted(
    name
    for name in vars(keras.activations)
    if not name.startswith("_") and name not in ("deserialize", "get", "serialize", "threshold")
)


@pytest.mark.parametrize("name", NAMES)
def test_every_activation_has_keras_3s_formula(name):
    model = keras.Sequential([keras.Input((8,)), keras.layers.Activation(name)])
    made = tfc.load_model(model)
    x = np.linspace(-6, 6, 64).reshape(8, 8).astype("float32")
    np.testing.assert_allclose(made(x), model(x), rtol=1e-5, atol=1e-6)


def test_hard_sigmoid_by_hand():
    """relu6(1 + 3) / 6 = 0.66667, where tf_keras's own gives 0.2 * 1 + 0.5 = 0.7."""
    assert float(ACTIVATIONS["hard_sigmoid"](np.float32(1.0))) == pytest.approx(4 / 6)
    assert float(keras2.activations.hard_sigmoid(tf.constant(1.0))) == pytest.approx(0.7)


def test_renamed_setting():
    assert make_twin(keras.layers.LeakyReLU(negative_slope=0.3), "leaky", None).alpha == pytest.approx(0.3)


def test_a_setting_that_tf_keras_lacks_is_never_dropped():
    with pytest.raises(NoTwin, match="antialias"):
        make_twin(keras.layers.Resizing(8, 8, antialias=True), "resizing", None)


def test_bilinear_resizing_with_antialias_is_hosted_and_equal():
    model = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Resizing(8, 8, antialias=True)])
    arrival = tfc.load_with_report(model)
    assert len(arrival.hosted) == 1
    assert arrival.largest_difference < 1e-4


def test_settings_and_regularizers_come_along():
    layer = keras.layers.Conv2D(4, (3, 2), strides=2, kernel_regularizer=keras.regularizers.L2(0.01), name="conv")
    model = tfc.load_model(keras.Sequential([keras.Input((8, 8, 3)), layer]))
    twin = model.get_layer("conv")
    assert (twin.kernel_size, twin.strides) == ((3, 2), (2, 2))
    assert float(twin.kernel_regularizer.l2) == pytest.approx(0.01)
    assert type(twin.kernel_initializer).__name__ == "GlorotUniform"
