"""Examples that stand for all, a few at a time."""

import numpy as np

import tfcompress as tfc
from tfcompress.data.sampling import batches, sampled_batches, spread


def test_examples_are_spread_from_the_first_to_the_last():
    assert spread(101, 5).tolist() == [0, 25, 50, 75, 100]
    assert spread(3, 5).tolist() == [0, 1, 2]


def test_batches_are_all_examples_in_order_and_the_last_has_the_rest():
    found = list(batches(np.arange(10).reshape(5, 2), 2))
    assert [len(batch) for batch in found] == [2, 2, 1]
    np.testing.assert_array_equal(np.concatenate(found), np.arange(10).reshape(5, 2))
    assert list(batches(np.empty((0, 2)), 2)) == []


def test_sampled_batches_are_inputs_as_stored_with_their_targets():
    data = tfc.Digits(num_examples=100)
    inputs, targets = zip(*sampled_batches(data, 20, 8), strict=True)
    places = spread(len(data.train), 20)
    assert [len(batch) for batch in targets] == [8, 8, 4]
    np.testing.assert_array_equal(np.concatenate(inputs), data.train.inputs[places])
    np.testing.assert_array_equal(np.concatenate(targets), data.train.targets[places])
