"""Models that take and give dicts: by name, whatever the order of the keys."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, set_seed
from tfcompress.measuring.evaluation import predict
from tfcompress.measuring.outputs import input_specs, output_specs

TASK = tfc.ByOutput(tasks={"sum": tfc.Regression(), "difference": tfc.Regression()})


@pytest.fixture
def model():
    """Keys are out of order, and inputs and outputs alike in shape: to swap them would raise no error."""
    set_seed(0)
    right, left = keras.Input((1,), name="b"), keras.Input((1,), name="a")
    x = keras.layers.Concatenate(name="both")([right, left])
    outputs = {"sum": keras.layers.Dense(1, name="one")(x), "difference": keras.layers.Dense(1, name="two")(x)}
    return keras.Model({"right": right, "left": left}, outputs)


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(0)
    right, left = random.normal(size=(2, 64, 1)).astype("float32")
    examples = ({"left": left, "right": right}, {"sum": right + left, "difference": right - left})
    return tfc.dataset(train=examples, test=examples)


def exact(model):
    model.get_layer("one").set_weights([np.array([[1.0], [1.0]]), np.zeros(1)])
    model.get_layer("two").set_weights([np.array([[1.0], [-1.0]]), np.zeros(1)])


def test_predictions_go_by_name(model, data):
    exact(model)
    assert [spec.name for spec in input_specs(model)] == ["left", "right"]
    assert [spec.name for spec in output_specs(model)] == ["difference", "sum"]
    found = predict(model, data, data.test)
    for name, wanted in data.test.targets.items():
        np.testing.assert_allclose(found[name], wanted, atol=1e-6)


@pytest.mark.parametrize("wrap", [lambda fit, teacher: fit, tfc.distilled], ids=["alone", "distilled"])
def test_training_goes_by_name(model, data, wrap):
    teacher = keras.models.clone_model(model)
    exact(teacher)
    fit = tfc.KerasFit(data, epochs=8, batch_size=16, learning_rate=0.3, momentum=0.0, task=TASK)
    wrap(fit, teacher)(model)
    np.testing.assert_allclose(model.get_layer("two").get_weights()[0], [[1.0], [-1.0]], atol=0.1)
    np.testing.assert_allclose(model.get_layer("one").get_weights()[0], [[1.0], [1.0]], atol=0.1)
