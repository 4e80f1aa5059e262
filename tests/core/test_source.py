"""Examples by number, in batches, and on disk."""

import gc

import numpy as np
import pytest

from tfcompress.core.errors import InvalidValue
from tfcompress.core.examples.source import Split, Stream, batches_of, head, taken
from tfcompress.core.examples.spool import Spool


def stream():
    return ((np.full((3, 2), i), np.arange(3) + 3 * i) for i in range(4))


def test_a_split_of_unequal_parts_is_refused():
    with pytest.raises(InvalidValue, match="as many targets as inputs. Received: 2 and 3"):
        Split(np.zeros((3, 1)), np.zeros(2))


def test_head_takes_the_first_of_any_source():
    split = Split({"x": np.arange(5)}, np.arange(5))
    assert head(split, 2).inputs["x"].tolist() == [0, 1]
    spool = Spool(split)
    assert [head(spool, 3).batch([2])[1].tolist(), len(head(spool, 9))] == [[2], 5]


def test_a_stream_on_disk_is_a_source_with_equal_examples():
    spool = Spool(Stream(stream))
    assert len(spool) == 12
    inputs, targets = spool.batch([11, 0])
    assert (inputs.tolist(), targets.tolist()) == ([[3, 3], [0, 0]], [11, 0])
    assert np.load(spool.paths).shape == (12, 2)


def test_files_are_gone_when_nobody_needs_them():
    spool = Spool(Split(np.zeros((3, 1)), np.zeros(3)))
    path = spool.paths
    assert path.exists()
    del spool
    gc.collect()
    assert not path.exists()


def test_weights_come_along():
    split = Split(np.zeros((3, 1)), np.arange(3), np.array([1.0, 2.0, 3.0]))
    assert split.batch([2])[2].tolist() == Spool(split).batch([2])[2].tolist() == [3.0]


def test_a_few_examples_are_chosen_of_a_source_and_the_first_of_a_stream():
    split = Split(np.arange(10), np.arange(10))
    assert taken(split, 2, lambda count, most: [count - 1, 0]).inputs.tolist() == [9, 0]
    assert taken(Stream(stream), 4, None).targets.tolist() == [0, 1, 2, 3]


def test_batches_cover_each_example_once():
    assert [batch[1].tolist() for batch in batches_of(Split(np.arange(5), np.arange(5)), 2)] == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize(
    ("batches", "words"),
    [
        ([], "must give examples. Received: a source or stream without any"),
        ([np.zeros((2, 3)), np.zeros((2, 4))], r"Received: \(3,\) of float64, and then \(4,\) of float64. Pad"),
        ([np.arange(2), np.array([0.5])], "of int64, and then .* of float64"),
        ([np.array([b"some", b"words"], object)], "must give numbers. Received: .* object. Turn text into tokens"),
        ([np.array(["some", "words"])], "must give numbers"),
    ],
    ids=["none", "shapes", "dtypes", "bytes", "text"],
)
def test_what_cannot_be_kept_on_disk_is_one_line(batches, words):
    with pytest.raises(InvalidValue, match=words):
        Spool(Stream(lambda: ((inputs, np.zeros(len(inputs))) for inputs in batches)))


def test_narrow_numbers_may_follow_wide_ones():
    spool = Spool(Stream(lambda: iter([(np.array([0.5]), None), (np.array([1.5], "float32"), None)])))
    assert (spool.inputs.dtype, spool.batch([1, 0])[0].tolist()) == ("float64", [1.5, 0.5])
