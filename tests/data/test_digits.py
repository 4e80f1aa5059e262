import numpy as np
import pytest

from tfcompress.core.errors import InvalidValue
from tfcompress.data.digits import Digits


def test_it_holds_1437_examples_to_train_on_and_360_to_test_on():
    data = Digits()
    assert data.train.inputs.shape == (1437, 8, 8, 1)
    assert data.test.inputs.shape == (360, 8, 8, 1)
    assert (len(data.train), len(data.test), data.num_train) == (1437, 360, 1437)


def test_pixels_are_stored_as_bytes_and_seen_from_0_to_1():
    data = Digits()
    assert (data.train.inputs.dtype, data.train.inputs.max()) == (np.uint8, 16)
    seen = data.model_inputs(data.train.inputs)
    assert (seen.dtype, seen.min(), seen.max()) == (np.float32, 0.0, 1.0)


def test_what_it_says_of_itself_is_so():
    data = Digits()
    assert data.train.inputs.shape[1:] == data.input_shape
    assert set(data.test.targets) == set(range(data.num_classes))


def test_classes_are_in_equal_shares_in_both_splits():
    data = Digits()
    shares = [np.bincount(split.targets, minlength=10) / len(split) for split in (data.train, data.test)]
    np.testing.assert_allclose(*shares, atol=1.5 / 360)


def test_no_test_example_is_trained_on():
    data = Digits()
    train = {image.tobytes() for image in data.train.inputs}
    assert sum(image.tobytes() in train for image in data.test.inputs) == 0


def test_two_readings_are_equal():
    np.testing.assert_array_equal(Digits().train.inputs, Digits().train.inputs)


def test_it_is_read_once(monkeypatch):
    data = Digits()
    first = data.train
    monkeypatch.setattr(Digits, "load", lambda self: pytest.fail("read again"))
    assert data.train is first
    assert len(data.test) == 360


@pytest.mark.parametrize(("asked", "num_train", "num_test"), [(1, 1, 1), (100, 100, 100), (400, 400, 360)])
def test_num_examples_takes_the_first_of_each_split(asked, num_train, num_test):
    data = Digits(num_examples=asked)
    assert (len(data.train), data.num_train, len(data.test)) == (num_train, num_train, num_test)
    np.testing.assert_array_equal(data.train.inputs, Digits().train.inputs[:num_train])
    np.testing.assert_array_equal(data.test.targets, Digits().test.targets[:num_test])


@pytest.mark.parametrize("asked", [0, -5])
def test_less_than_one_example_is_refused(asked):
    with pytest.raises(InvalidValue, match=f"^Digits.num_examples must be at least 1. Received: {asked}."):
        Digits(num_examples=asked)
