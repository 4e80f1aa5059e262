"""Ranges of activations averaged plainly: against numbers, and against what the activations really span."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, tfmot
from tfcompress.quantization.training.ranges import DECAY, NUM_STEPS, activation_ranges, average_plainly, plain_average

DATA = tfc.Digits(num_examples=256)


def network():
    inputs = keras.Input((8, 8, 1), name="image")
    x = keras.layers.Conv2D(4, 3, activation="relu", name="conv")(inputs)
    return keras.Model(inputs, keras.layers.Dense(10, name="logits")(keras.layers.Flatten()(x)))


def test_plain_average_undoes_the_moving_average():
    mean, seen = -6.0, [-1.0, -2.0, -6.0]
    for step, observation in enumerate(seen, start=1):
        mean = plain_average(mean, DECAY * mean + (1 - DECAY) * observation, step)
    assert mean == pytest.approx(-3.0)  # (-1 - 2 - 6) / 3; tfmot's own would still be -5.991


def test_ranges_of_weights_and_inputs_are_not_touched():
    aware = tfmot.quantization.keras.quantize_model(network())
    names = {variable.name for variables in activation_ranges(aware) for variable in variables}
    assert names == {f"quant_{layer}/post_activation_{end}:0" for layer in ("conv", "logits") for end in ("min", "max")}


def test_ranges_are_right_after_a_few_steps():
    model = network()
    aware = tfmot.quantization.keras.quantize_model(model)
    frozen = tfc.KerasFit(DATA, epochs=2, batch_size=32, learning_rate=1e-12)
    frozen(aware, [average_plainly(aware)])
    # What the float model's outputs span, batch by batch, averaged: the order of examples does not matter much.
    outputs = model.predict(DATA.model_inputs(DATA.train.inputs), verbose=0)
    _, maxima = activation_ranges(aware)
    highest = next(variable for variable in maxima if "logits" in variable.name).numpy()
    expected = np.mean([outputs[begin : begin + 32].max() for begin in range(0, 256, 32)])
    assert highest == pytest.approx(expected, rel=0.1)


def test_ranges_always_hold_zero():
    aware = tfmot.quantization.keras.quantize_model(network())
    tfc.KerasFit(DATA, epochs=1, batch_size=32)(aware, [average_plainly(aware)])
    minima, maxima = activation_ranges(aware)
    assert all(variable.numpy() <= 0 for variable in minima)
    assert all(variable.numpy() >= 0 for variable in maxima)


def test_leaves_tfmots_average_alone_after_the_first_steps():
    aware = tfmot.quantization.keras.quantize_model(network())
    callback = average_plainly(aware)
    for batch in range(NUM_STEPS):
        callback.on_train_batch_end(batch, {})
    _, maxima = activation_ranges(aware)
    maxima[0].assign(123.0)
    callback.on_train_batch_end(NUM_STEPS, {})
    assert maxima[0].numpy() == 123.0
