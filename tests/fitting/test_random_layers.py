"""Random layers inside a fit: what they draw, from where, and that nothing of it stays."""

import numpy as np
import pytest

from tfcompress.backend.tensorflow import keras, set_seed, tf
from tfcompress.fitting.random_layers import readable_draws, states_of_draws


def network(**settings):
    inputs = keras.Input((500,))
    first, second = (keras.layers.Dropout(0.25, name=name, **settings)(inputs) for name in ("first", "second"))
    return keras.Model(inputs, [first, second])


def drawn(model, calls=1):
    """Which inputs the two layers kept, of the last of so many calls."""
    with readable_draws(model):
        call = tf.function(lambda: model(tf.ones((1, 500)), training=True))
        for _ in range(calls):
            found = call()
    return [np.asarray(each[0]) > 0 for each in found]


@pytest.fixture
def seeded():
    set_seed(7)


def test_each_layer_and_each_call_draws_other_numbers_at_the_layers_rate(seeded):
    model = network()
    (first, second), (later, _) = drawn(model), drawn(model, calls=2)
    assert (first != second).any() and (first != later).any()
    assert np.mean([first, second, later]) == pytest.approx(0.75, abs=0.04)


def test_the_global_seed_and_the_layers_own_say_what_is_drawn(seeded):
    of_seven, again = drawn(network()), drawn(network())
    own = drawn(network(seed=1))
    np.testing.assert_array_equal(of_seven, again)
    assert (own[0] != of_seven[0]).any()
    set_seed(8)
    assert (drawn(network())[0] != of_seven[0]).any()


def test_without_a_seed_no_two_fits_are_alike(seeded):
    tf.random.set_seed(None)
    model = network()
    assert (drawn(model)[0] != drawn(model)[0]).any()


def test_nothing_of_it_stays_in_the_model(seeded):
    model = network()
    before = model.get_config()
    with readable_draws(model):
        assert [tuple(state.shape) for state in states_of_draws(model)] == [(3,), (3,)]
    assert model.get_config() == before
    assert states_of_draws(model) == []
