"""The end of a training with masks: batch statistics are those of the model as it is, and there is no term left."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.pruning.masks.finalize import finish

DATA = tfc.Digits(num_examples=128)


def network():
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.BatchNormalization(name="normalized")(inputs)
    return keras.Model(inputs, keras.layers.Dense(10, name="logits")(keras.layers.Flatten()(x)))


def test_statistics_are_those_of_the_training_split():
    finished = finish(network(), tfc.KerasFit(DATA, epochs=1), remove=False)
    seen = DATA.model_inputs(DATA.train.inputs)
    mean = finished.get_layer("normalized").moving_mean.numpy().item()
    assert mean == pytest.approx(seen.mean(), rel=1e-4)  # both batches of 64 are whole, and no example is left out


def test_examples_that_fill_no_batch_do_not_count():
    data = tfc.Digits(num_examples=130)
    finished = finish(network(), tfc.KerasFit(data, epochs=1), remove=False)
    seen = data.model_inputs(data.train.inputs[:128])
    assert finished.get_layer("normalized").moving_mean.numpy().item() == pytest.approx(seen.mean(), rel=1e-4)


def test_without_data_statistics_stay_as_they_are():
    model = network()
    finished = finish(model, lambda model, callbacks=(): None, remove=False)
    assert finished.get_layer("normalized").moving_mean.numpy().item() == 0.0
    assert finished is not model


def test_no_term_is_left_in_the_loss():
    model = network()
    model.add_loss(lambda: keras.backend.sum(model.get_layer("logits").kernel))
    assert model.losses
    assert not finish(model, tfc.KerasFit(DATA, epochs=1), remove=False).losses


def test_empty_channels_go_or_there_were_none():
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Dense(4, name="hidden")(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, keras.layers.Dense(10, name="logits")(x))
    fit = tfc.KerasFit(DATA, epochs=1)
    with pytest.raises(tfc.NothingHappened):
        finish(model, fit, remove=True)
    hidden = model.get_layer("hidden")
    kernel = hidden.kernel.numpy()
    kernel[:, 2] = 0
    hidden.kernel.assign(kernel)
    smaller = finish(model, fit, remove=True)
    assert smaller.get_layer("hidden").units == 3
    seen = DATA.model_inputs(DATA.test.inputs[:8])
    np.testing.assert_allclose(smaller(seen), model(seen), atol=1e-5)
