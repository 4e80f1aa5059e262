"""Arrays by the names of a model's inputs and outputs."""

import numpy as np
import pytest

from tfcompress.core.errors import InvalidValue
from tfcompress.core.examples.nests import TensorSpec, by_name, fitted

SPECS = [TensorSpec("picture", (None, 8, 8, 3), "float32"), TensorSpec("table", (None, 4), "float32")]
PICTURE, TABLE = np.zeros((2, 8, 8, 3), "uint8"), np.zeros((2, 4))


@pytest.mark.parametrize(
    "nest", [{"table": TABLE, "picture": PICTURE}, (PICTURE, TABLE), [PICTURE, TABLE]], ids=["dict", "tuple", "list"]
)
def test_arrays_come_in_the_models_order_and_dtype(nest):
    picture, table = fitted(nest, SPECS)
    assert (picture.shape, picture.dtype, table.shape, table.dtype) == ((2, 8, 8, 3), "float32", (2, 4), "float32")


@pytest.mark.parametrize(
    ("nest", "words"),
    [
        (PICTURE, "must be 2, as the model has picture, table. Received: 1"),
        ({"picture": PICTURE, "tabel": TABLE}, "Near 'tabel': table"),
        (
            (PICTURE, np.zeros((2, 5))),
            r"must fit the model's 'table' of shape \(N, 4\) and dtype float32. Received: 'data' of",
        ),
    ],
)
def test_what_does_not_fit_is_one_line_that_names_both_sides(nest, words):
    with pytest.raises(InvalidValue, match=words):
        fitted(nest, SPECS)


def test_tokens_stay_whole_numbers_and_fractions_are_no_tokens():
    tokens = TensorSpec("tokens", (None, 3), "int32")
    assert fitted(np.array([[1, 2, 2**24 + 1]], "int64"), [tokens])[0].tolist() == [[1, 2, 2**24 + 1]]
    with pytest.raises(InvalidValue, match="dtype int32"):
        fitted(np.array([[0.5, 1.0, 2.0]]), [tokens])


def test_an_axis_that_the_model_leaves_open_takes_any_length():
    assert fitted(np.zeros((2, 5, 7, 3)), [TensorSpec("x", (None, None, None, 3), "float32")])[0].shape == (2, 5, 7, 3)


def test_a_lone_array_is_the_only_one():
    assert by_name(TABLE, ["x"], "inputs") == {"x": TABLE}
