"""Non-maximum suppression inside of a model, beside the one outside of it."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.core.errors import InvalidValue, UnsupportedModel

ANCHORS = tfc.Anchors(((4, 6), (2, 3)), (((0.3, 0.3), (0.2, 0.4)), ((0.5, 0.5), (0.4, 0.7))))


@pytest.fixture(scope="module")
def passing():
    """A model that gives what it is given: offsets and logits of three classes."""
    inputs = [keras.Input((ANCHORS.count, 4), name="o"), keras.Input((ANCHORS.count, 3), name="l")]
    return keras.Model(
        inputs, [keras.layers.Identity(name=n)(x) for n, x in zip(("boxes", "scores"), inputs, strict=True)]
    )


def drawn(seed=0):
    draw = np.random.default_rng(seed)
    offsets = draw.normal(0, 1, (3, ANCHORS.count, 4)).astype("float32")
    logits = np.full((3, ANCHORS.count, 3), -9, "float32")
    sure = np.stack([draw.permutation(np.linspace(-3, 3, ANCHORS.count)) for _ in range(3)])  # further apart than APART
    logits[np.arange(3)[:, None], np.arange(ANCHORS.count), draw.integers(0, 3, sure.shape)] = sure
    return offsets, logits


def test_gives_what_decode_detections_gives_where_an_anchor_has_one_class(passing):
    offsets, logits = drawn()
    rows = tfc.with_suppression(passing, ANCHORS, most=15)([offsets, logits]).numpy()
    one = np.where(logits == logits.max(-1, keepdims=True), logits, -99)
    for row, found in zip(rows, tfc.decode_detections(offsets, one, ANCHORS, 0.0, most=15), strict=True):
        np.testing.assert_allclose(row[:, 5], found.scores, rtol=1e-4)
        np.testing.assert_allclose(row[:, :4], found.boxes, atol=1e-5)
        assert row[:, 4].tolist() == found.classes.tolist()


def test_equal_logits_are_told_apart_by_their_places(passing):
    logits = np.full((1, ANCHORS.count, 3), -9, "float32")
    logits[0, 0, 1] = logits[0, 47, 1] = 2.0  # at two ends of the image
    (rows,) = tfc.with_suppression(passing, ANCHORS, most=2)([np.zeros((1, ANCHORS.count, 4)), logits]).numpy()
    np.testing.assert_allclose(rows[:, 5], 1 / (1 + np.exp(-2)), rtol=1e-5)
    assert rows[0, 0] < 0.1 and rows[1, 0] > 0.4


def test_rows_that_are_left_over_have_score_0(passing):
    same = ANCHORS.encode(np.tile([[0.1, 0.1, 0.9, 0.9]], (ANCHORS.count, 1)))[None]
    logits = np.full((1, ANCHORS.count, 3), [3.0, -3, -3], "float32")
    (rows,) = tfc.with_suppression(passing, ANCHORS, most=4)([same, logits]).numpy()
    assert (rows[1:, 5] == 0).all() and rows[0, 5] == pytest.approx(0.953, abs=1e-3)


def test_a_file_of_it_is_of_tflites_own_operations_and_gives_the_same(tmp_path):
    from tfcompress.measuring.file_run import FileRun

    anchors = tfc.Anchors(((4, 4),), (((0.3, 0.3),),))
    model = tfc.with_suppression(tfc.ssd((32, 32, 1), 2, 1, (8,), width=4), anchors, most=3)
    pixels = np.random.default_rng(0).random((8, 32, 32, 1)).astype("float32")
    data = tfc.dataset((pixels, np.zeros((8, 3, 6))), (pixels, np.zeros((8, 3, 6))), task=tfc.Regression())
    content = tfc.Float32().convert(model, data, tmp_path / "m.tflite").path.read_bytes()
    found = next(iter(FileRun(content).outputs({"picture": pixels}).values()))
    np.testing.assert_allclose(found, model(pixels).numpy(), atol=1e-4)


@pytest.mark.parametrize("how", [{"overlap": 0.0}, {"most": 0}, {"most": 101}])
def test_values_out_of_range(passing, how):
    with pytest.raises(InvalidValue, match="with_suppression.overlap must be in"):
        tfc.with_suppression(passing, ANCHORS, **how)


def test_anchors_of_another_model_are_refused(passing):
    with pytest.raises(UnsupportedModel, match=r"as there are 4 anchors. Received: \[\(60, 4\), \(60, 3\)\]"):
        tfc.with_suppression(passing, tfc.Anchors(((2, 2),), (((0.5, 0.5),),)))
