"""Operations of Keras 3 with a number that comes first: promoted as Keras 3 does, in every dtype."""

import keras as keras3
import numpy as np
import pytest
from keras import ops

import tfcompress as tfc

SMALL = lambda x: ops.minimum(x, 3)  # noqa: E731
FIRST_A_NUMBER = {
    "1 - x": lambda x: 1 - x,
    "2 * x": lambda x: 2 * x,
    "1 + x": lambda x: 1 + x,
    "2 ** x": lambda x: 2 ** SMALL(x),
    "7 / x": lambda x: 7 / x,
    "7 // x": lambda x: 7 // x,
    "7 % x": lambda x: 7 % x,
    "maximum(0, x)": lambda x: ops.maximum(0, x),
    "minimum(2, x)": lambda x: ops.minimum(2, x),
    "2 < x": lambda x: ops.less(2, x),
    "where(x > 2, 1, x)": lambda x: ops.where(x > 2, 1, x),
}


@pytest.mark.parametrize("dtype", ["float32", "uint8", "int32", "int64"])
@pytest.mark.parametrize("operation", FIRST_A_NUMBER)
def test_a_number_may_come_first(operation, dtype):
    inputs = keras3.Input((4,), dtype=dtype)
    model = keras3.Model(inputs, FIRST_A_NUMBER[operation](inputs))
    seen = np.array([[1, 2, 3, 5]], dtype)
    found, expected = tfc.load_model(model)(seen), model(seen)
    assert found.dtype.name == keras3.backend.standardize_dtype(model.output.dtype)
    np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))


def test_a_copy_computes_the_same():
    inputs = keras3.Input((4,), dtype="uint8")
    model = tfc.load_model(keras3.Model(inputs, 1 - inputs))
    seen = np.array([[0, 1, 2, 255]], "uint8")
    assert np.asarray(type(model).from_config(model.get_config())(seen)).tolist() == [[1, 0, 255, 2]]
