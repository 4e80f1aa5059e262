"""Movement against what plain gradient descent gives by hand, and gradients against finite differences."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.core.errors import InvalidRecipe
from tfcompress.fitting.objective import objective_of
from tfcompress.models_io.copying import copy_model
from tfcompress.pruning.loss_gradients import data_of, loss_gradients
from tfcompress.pruning.masks.masking import Masking, MovementTracking

DATA = tfc.Digits(num_examples=96)


def test_movement_of_one_weight_worked_by_hand():
    # Loss (w x - y)^2 with x = 1, y = 0 and rate 0.25: dL/dw = 2 w, so that each step halves w: 1, 0.5, 0.25.
    # Movement: (0.5 - 1) * 1 + (0.25 - 0.5) * 0.5 = -0.625, which is -0.25 * (2 * 1 * 1 + 2 * 0.5 * 0.5).
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.set_weights([np.ones((1, 1))])
    tracking = MovementTracking({"w": model.layers[0].kernel})
    model.compile(keras.optimizers.SGD(0.25), "mse")
    model.fit(np.ones((1, 1)), np.zeros((1, 1)), epochs=2, verbose=0, callbacks=[tracking])
    assert float(tracking.sums()["w"].item()) == pytest.approx(-0.625)


def test_masked_weights_add_no_movement_and_stay_zero_under_momentum():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False)])
    model.set_weights([np.ones((2, 1))])
    variables = {"w": model.layers[0].kernel}
    masking = Masking(variables, lambda step, _: {"w": np.array([[True], [False]])} if step == 3 else None)
    tracking = MovementTracking(variables)
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "mse")
    model.fit(np.ones((1, 2)), np.zeros((1, 1)), epochs=2, verbose=0, callbacks=[masking, tracking])
    before = tracking.sums()["w"].copy()
    model.fit(np.ones((1, 2)), np.zeros((1, 1)), initial_epoch=2, epochs=6, verbose=0, callbacks=[masking, tracking])
    assert model.layers[0].kernel.numpy()[1] == 0.0
    assert tracking.sums()["w"][1] == before[1]
    assert tracking.sums()["w"][0] != before[0]


def test_gradients_are_those_of_finite_differences_of_the_mean_loss():
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10, name="logits")])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, metrics=["accuracy"])
    kernel = model.get_layer("logits").kernel
    objective = objective_of(model, DATA, None, "test")
    found = loss_gradients(model, {"kernel": kernel}, objective, num_examples=96)["kernel"]
    inputs, labels = DATA.model_inputs(DATA.train.inputs), DATA.train.targets
    start = kernel.numpy()
    for index in [(20, 3), (36, 7), (45, 0)]:
        around = []
        for step in (1e-2, -1e-2):
            moved = start.copy()
            moved[index] += step
            kernel.assign(moved)
            around.append(float(loss(labels, model(inputs))))
        assert found[index] == pytest.approx((around[0] - around[1]) / 2e-2, rel=0.01, abs=1e-5)
    kernel.assign(start)
    assert all(float(metric.result()) == 0 for metric in model.metrics)  # as they were


def test_data_are_found_through_the_fits_that_wrap_one():
    fit = tfc.KerasFit(DATA, epochs=1)
    assert data_of(fit, "Score") is DATA
    assert data_of(tfc.distilled(fit, "teacher"), "Score") is DATA
    with pytest.raises(InvalidRecipe, match="Score expects a fit that says what it trains on. Received: function"):
        data_of(lambda model, callbacks=(): None, "Score")


def test_a_copy_is_not_masked_along():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False)])
    model.set_weights([np.ones((2, 1))])
    copy = copy_model(model)
    Masking({"w": copy.layers[0].kernel}, lambda step, _: None).hide({"w": np.array([[True], [False]])})
    np.testing.assert_array_equal(model.get_weights()[0], np.ones((2, 1)))
    np.testing.assert_array_equal(copy.get_weights()[0], [[1.0], [0.0]])
