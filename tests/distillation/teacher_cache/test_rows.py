"""Rows of answers: what rounding and the top of them keep, what they cost, and that a torn one is seen."""

import numpy as np
import pytest

from tfcompress.distillation.teacher_cache.rows import LogitRows

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(50, 10)) * 4 - 2


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def test_all_logits_come_back_as_float16_rounds_them():
    rows = LogitRows(10, 0, "float16")
    np.testing.assert_array_equal(rows.decode(rows.encode(LOGITS)), LOGITS.astype("float16").astype("float32"))


def test_float32_is_exact():
    rows = LogitRows(10, 0, "float32")
    np.testing.assert_array_equal(rows.decode(rows.encode(LOGITS)), LOGITS.astype("float32"))


@pytest.mark.parametrize(
    ("settings", "num_bytes"),
    [((10, 0, "float16"), 22), ((10, 3, "float16"), 13), ((1000, 10, "float16"), 44), ((10, 10, "float32"), 42)],
)
def test_the_bytes_of_a_row(settings, num_bytes):
    # 2 (4) bytes a logit, 1 or 2 for the number of a class, 2 (4) for the rest, 2 for the sum
    assert LogitRows(*settings).row.itemsize == num_bytes
    assert LogitRows(10, 0, "float16").row.itemsize <= 24  # at 10 classes


def test_the_top_keeps_its_probabilities_and_the_others_share_theirs_by_hand():
    # Probabilities .5 .1 .3 .1 -> the top two, and .2 spread over two.
    rows = LogitRows(4, 2, "float32")
    back = softmax(rows.decode(rows.encode(np.log([[0.5, 0.06, 0.3, 0.14]]))))
    np.testing.assert_allclose(back, [[0.5, 0.1, 0.3, 0.1]], rtol=1e-6)


def test_the_top_of_many_classes_with_logits_beyond_exp():
    logits = RNG.normal(size=(20, 300)) * 3 + 2000
    rows = LogitRows(300, 5, "float32")
    back, exact = softmax(rows.decode(rows.encode(logits)).astype("float64")), softmax(logits)
    places = np.argsort(-logits, axis=1)[:, :5]
    np.testing.assert_allclose(np.take_along_axis(back, places, 1), np.take_along_axis(exact, places, 1), rtol=2e-3)
    assert rows.encode(logits)["classes"].dtype == np.uint16


def test_large_logits_stay_finite():
    rows = LogitRows(3, 0, "float16")
    kept = rows.decode(rows.encode(np.array([[1e9, -1e9, 0.1]])))[0]
    np.testing.assert_array_equal(kept, [65504, -65504, np.float16(0.1)])


@pytest.mark.parametrize("settings", [(10, 0, "float16"), (10, 3, "float16"), (10, 0, "float32")])
def test_a_row_that_was_not_written_to_its_end_does_not_count(settings):
    rows = LogitRows(*settings)
    whole = rows.encode(LOGITS)
    assert rows.are_whole(whole).all()
    assert not rows.are_whole(np.zeros(5, rows.row)).any()
    zeros = rows.encode(np.zeros((1, 10)))
    assert rows.are_whole(zeros).all()  # all logits zero is an answer
    size = rows.row.itemsize
    for length in range(1, size):
        torn = np.zeros(len(whole), rows.row)
        torn.view(np.uint8).reshape(-1, size)[:, :length] = whole.view(np.uint8).reshape(-1, size)[:, :length]
        changed = (torn.view(np.uint8) != whole.view(np.uint8)).reshape(-1, size).any(1)
        assert not rows.are_whole(torn)[changed].any()


def test_any_changed_byte_is_seen():
    rows = LogitRows(10, 0, "float16")
    whole = rows.encode(LOGITS[:1])
    for place in range(rows.row.itemsize):
        for bit in range(8):
            other = whole.copy()
            other.view(np.uint8)[place] ^= 1 << bit
            assert not rows.are_whole(other)[0]


def test_exchanged_bytes_are_seen():
    rows = LogitRows(10, 0, "float16")
    whole = rows.encode(LOGITS[:1])
    content = whole.view(np.uint8)[:20]
    for first in range(20):
        for second in range(first):
            order = np.arange(22)
            order[[first, second]] = second, first
            other = whole.view(np.uint8)[order].view(rows.row)
            assert rows.are_whole(other)[0] == (content[first] == content[second])
