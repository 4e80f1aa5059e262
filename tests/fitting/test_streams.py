"""Training on a stream, whose examples have no numbers: as many steps as it or the fit says."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras


def batches():
    rng = np.random.default_rng(0)
    for _ in range(3):
        inputs = rng.normal(size=(8, 4)).astype("float32")
        yield inputs, (inputs[:, 0] > 0).astype(int)


@pytest.fixture
def data():
    return tfc.dataset(batches, batches, task=tfc.Classification())


def test_a_generator_is_trained_on_for_as_many_steps_as_the_fit_says(data):
    model = keras.Sequential([keras.layers.Dense(2, input_shape=(4,))])
    fit = tfc.KerasFit(data, epochs=4, learning_rate=0.5, stream_steps=3)
    history = fit(model).history
    assert (data.num_train, fit.steps, len(history["loss"])) == (None, 12, 4)
    assert history["loss"][-1] < history["loss"][0] / 1.5


def test_a_stream_of_unknown_length_needs_its_steps(data):
    with pytest.raises(tfc.InvalidValue, match=r"KerasFit.stream_steps must say .* own data is a stream"):
        tfc.KerasFit(data).steps  # noqa: B018


def test_steps_are_known_before_examples_are_read(tmp_path):
    assert tfc.KerasFit(tfc.Cifar10(tmp_path, num_examples=128), epochs=2).steps == 4


def test_a_data_set_that_does_not_say_how_many_it_has_is_counted():
    class Own(tfc.Data):
        title, task = "own", tfc.Classification()

        def load(self):
            split = next(batches())
            return tfc.Split(*split), tfc.Split(*split)

    assert tfc.KerasFit(Own(), epochs=2, batch_size=4).steps == 4
