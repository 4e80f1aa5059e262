"""Anchors, losses and mAP of an SSD head, by numbers worked by hand."""

import math

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, tf
from tfcompress.core.errors import InvalidValue, UnsupportedModel
from tfcompress.core.tasks.task import OutputSpec
from tfcompress.data.vision.anchors import fitted_anchors
from tfcompress.data.vision.coco_metric import average_precision
from tfcompress.data.vision.decoding import Detections, overlaps
from tfcompress.data.vision.ssd_losses import BoxLoss, FocalLoss, matched

ANCHORS = tfc.Anchors(((2, 2),), (((0.5, 0.5),),))  # four quarters of the image
QUARTER = [0.0, 0.0, 0.5, 0.5]


def rows(*boxes, most=3):
    """Targets (1, most, 6); a box is four sides, a class, and a weight."""
    found = np.zeros((1, most, 6), "float32")
    found[..., 4] = -1
    for number, box in enumerate(boxes):
        found[0, number] = box
    return found


def test_anchors_go_by_map_row_column_and_size():
    anchors = tfc.Anchors(((2, 3), (1, 1)), (((0.1, 0.2), (0.3, 0.4)), ((0.5, 0.6), (0.7, 0.8))))
    boxes = anchors.boxes()
    assert anchors.count == len(boxes) == 14 and anchors.per_cell == 2
    np.testing.assert_allclose(boxes[3], [0.5, 0.25, 0.3, 0.4], rtol=1e-6)  # row 0, column 1, the second size
    np.testing.assert_allclose(boxes[13], [0.5, 0.5, 0.7, 0.8], rtol=1e-6)


def test_a_network_lays_its_maps_out_as_anchors_do():
    """One place of the coarse map is lit: the offsets that change are those of anchors there."""
    model = tfc.ssd((32, 48, 1), 2, per_cell=2, width=4)
    data = tfc.Anchors(((4, 6), (2, 3)), (((0.1, 0.1), (0.2, 0.2)),) * 2)
    assert [output.shape[1:] for output in model.outputs] == [(data.count, 4), (data.count, 2)]
    laid_out = model.get_layer("scores8_rows")
    of_map = keras.Model(laid_out.input, laid_out.output)
    x = np.zeros((1, 4, 6, 4), "float32")
    x[0, 1, 2] = [1, 2, 3, 4]  # row 1, column 2: two anchors of two classes
    places = np.flatnonzero(of_map(x).numpy()[0].any(-1))
    np.testing.assert_allclose(data.boxes()[places][:, :2], [[2.5 / 6, 1.5 / 4]] * 2, rtol=1e-6)
    assert of_map(x).numpy()[0, places].tolist() == [[1, 2], [3, 4]]


def test_decoding_undoes_encoding():
    draw = np.random.default_rng(0)
    low = draw.uniform(0, 0.5, (4, 2))
    corners = np.concatenate([low, low + draw.uniform(0.05, 0.5, (4, 2))], 1)
    np.testing.assert_allclose(ANCHORS.decode(ANCHORS.encode(corners)), corners, atol=1e-6)


def test_anchors_have_the_sizes_of_the_boxes_and_rare_classes_count_alike():
    sizes = np.array([[0.1, 0.2]] * 50 + [[0.12, 0.18]] * 50 + [[0.6, 0.6]])
    fitted = fitted_anchors(sizes, [0] * 100 + [1], [(8, 8), (4, 4)], 1)
    assert fitted.sizes[1] == ((0.6, 0.6),) and fitted.sizes[0][0] == pytest.approx((0.1095, 0.1897), abs=1e-3)


@pytest.mark.parametrize("sizes", [(), (((0.1, 0.1),),), (((0.1, 0.1),), ((0.1, 0.1), (0.2, 0.2)))])
def test_sizes_are_as_many_for_each_grid(sizes):
    with pytest.raises(InvalidValue, match="as many sizes for each of 2 grids"):
        tfc.Anchors(((2, 2), (1, 1)), sizes)


def test_an_anchor_is_of_the_object_that_it_overlaps_most():
    #  the quarter itself; and one that no anchor overlaps by half, whose best anchor is its own all the same
    owner, is_object, counts = matched(ANCHORS, rows([*QUARTER, 1, 1], [0.6, 0.6, 0.7, 0.7, 0, 1]))
    assert is_object.numpy().tolist() == [[True, False, False, True]]
    assert owner.numpy()[0, [0, 3]].tolist() == [0, 1] and counts.numpy().all()


def test_between_the_two_bounds_and_on_optional_objects_an_anchor_does_not_count():
    wide = [0.0, 0.0, 1.0, 0.45, 0, 1]  # overlaps the upper quarters by 0.225 / 0.475 = 0.474, and is the first one's
    _, is_object, counts = matched(ANCHORS, rows(wide))
    assert is_object.numpy().tolist() == [[True, False, False, False]]
    assert counts.numpy().tolist() == [[True, False, True, True]]
    _, is_object, counts = matched(ANCHORS, rows([*QUARTER, 0, 0]))
    assert not is_object.numpy().any() and counts.numpy().tolist() == [[False, True, True, True]]


def test_a_picture_without_objects_is_background():
    _, is_object, counts = matched(ANCHORS, rows())
    assert not is_object.numpy().any() and counts.numpy().all()
    loss = FocalLoss(ANCHORS)(rows(), tf.zeros((1, 4, 2)))
    np.testing.assert_allclose(loss, [8 * 0.75 * 0.25 * math.log(2)], rtol=1e-5)
    assert BoxLoss(ANCHORS)(rows(), tf.ones((1, 4, 4))).numpy().tolist() == [0]


def test_focal_loss_by_hand():
    logits = np.full((1, 4, 1), -30.0, "float32")
    logits[0, 0] = math.log(3)  # p = 0.75 of the object that is there
    found = FocalLoss(ANCHORS)(rows([*QUARTER, 0, 1]), tf.constant(logits))
    np.testing.assert_allclose(found, [0.25 * 0.25**2 * -math.log(0.75)], rtol=1e-4)


def test_box_loss_by_hand():
    offsets = np.zeros((1, 4, 4), "float32")
    offsets[0, 0] = [3.0, 0.5, 0, 0]  # 2.5 and 0.125 by smooth L1, of the offsets 0 that are wanted
    offsets[0, 1] = 99  # background
    np.testing.assert_allclose(BoxLoss(ANCHORS)(rows([*QUARTER, 0, 1]), tf.constant(offsets)), [2.625], rtol=1e-5)


def test_losses_are_least_where_decoding_gives_the_boxes():
    target = rows([0.1, 0.05, 0.55, 0.5, 0, 1])
    exact = ANCHORS.encode(np.repeat(target[0, :1, :4], 4, 0))[None]
    assert BoxLoss(ANCHORS)(target, tf.constant(exact)).numpy()[0] == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(ANCHORS.decode(exact)[0, 0], target[0, 0, :4], atol=1e-6)


def test_overlaps_by_hand():
    found = overlaps(np.array([[0, 0, 2, 2]]), np.array([[1, 1, 3, 3], [0, 0, 2, 1], [5, 5, 6, 6], [1, 1, 1, 1]]))
    np.testing.assert_allclose(found, [[1 / 7, 0.5, 0, 0]])


def test_of_overlapping_boxes_of_a_class_the_surest_is_given():
    logits = np.full((1, 4, 2), -9.0)
    logits[0, 0], logits[0, 1, 0], logits[0, 3, 1] = [3, 2], 1, 0
    offsets = np.zeros((1, 4, 4))
    offsets[0, 1, 0] = -10  # the second quarter's box lies on the first
    (found,) = tfc.decode_detections(offsets, logits, ANCHORS)
    assert found.classes.tolist() == [0, 1, 1]  # of class 0 one is left; class 1 has its own
    np.testing.assert_allclose(found.boxes, [QUARTER, QUARTER, [0.5, 0.5, 1, 1]], atol=1e-6)
    np.testing.assert_allclose(found.scores, [0.953, 0.881, 0.5], atol=1e-3)
    (fewer,) = tfc.decode_detections(offsets, logits, ANCHORS, least_score=0.9, most=1)
    assert len(fewer.scores) == 1


def detections(*boxes):
    """Of a picture: (sides, class, score)."""
    sides, classes, scores = zip(*boxes, strict=True) if boxes else ((), (), ())
    return Detections(np.array(sides).reshape(-1, 4), np.array(classes, int), np.array(scores))


def test_mean_average_precision_by_hand():
    """Class 0: found, wrong, found: precision 1 up to recall 1/2 (51 of 101 points), then 2/3. Class 1: never found."""
    truth = np.concatenate([rows([*QUARTER, 0, 1], [0.5, 0, 1, 0.5, 1, 1]), rows([*QUARTER, 0, 1])])
    found = [
        detections((QUARTER, 0, 0.9), ([0.5, 0.5, 1, 1], 0, 0.8)),
        detections((QUARTER, 0, 0.7)),
    ]
    first = (51 * 1 + 50 * 2 / 3) / 101
    assert average_precision(truth, found, 3) == pytest.approx(first / 2, abs=1e-6)  # class 2 does not occur
    found[0] = detections(([0, 0, 0.5, 0.3], 0, 0.9))  # overlaps by 0.6: at 0.75 wrong, then one of two is found
    at_75 = 51 * 1 / 2 / 101
    assert average_precision(truth, found, 3, (0.5, 0.75)) == pytest.approx((1 + at_75) / 4, abs=1e-6)


def test_optional_objects_are_neither_missed_nor_false():
    truth = rows([*QUARTER, 0, 1], [0.5, 0.5, 1, 1, 0, 0])
    assert average_precision(truth, [detections((QUARTER, 0, 0.5))], 1) == pytest.approx(1)
    both = detections(([0.5, 0.5, 1, 1], 0, 0.9), (QUARTER, 0, 0.5))
    assert average_precision(truth, [both], 1) == pytest.approx(1)


def test_no_detection_at_all_is_zero_and_no_truth_is_no_number():
    assert average_precision(rows([*QUARTER, 0, 1]), [detections()], 1) == 0
    assert math.isnan(average_precision(rows(), [detections((QUARTER, 0, 0.9))], 1))


@pytest.mark.parametrize("label", [0, 1])
def test_the_tasks_metric_tells_right_boxes_from_others(label):
    """The impostor: the same boxes with another class, or offsets of another image."""
    task = tfc.Detection(anchors=ANCHORS)
    bound = task.bind((OutputSpec("boxes", (None, 4, 4)), OutputSpec("scores", (None, 4, 2))))
    targets = rows([*QUARTER, label, 1])
    logits = np.full((1, 4, 2), -9.0)
    logits[0, 0, 0] = 9
    given = {"boxes": np.zeros((1, 4, 4)), "scores": logits}
    assert bound.headline.function({"boxes": targets}, given) == pytest.approx(1 - label)
    given["boxes"] = given["boxes"] + 8
    assert bound.headline.function({"boxes": targets}, given) == 0
    assert [metric.name for metric in bound.metrics] == ["mAP@0.5", "mAP@0.5:0.95"]
    assert bound.loss == {"boxes": BoxLoss(ANCHORS), "scores": FocalLoss(ANCHORS)}


@pytest.mark.parametrize(
    "outputs",
    [
        (OutputSpec("boxes", (None, 5, 4)), OutputSpec("scores", (None, 5, 2))),
        (OutputSpec("boxes", (None, 4, 4)), OutputSpec("classes", (None, 4, 2))),
        (OutputSpec("scores", (None, 4, 2)),),
    ],
)
def test_a_model_of_other_outputs_is_refused(outputs):
    with pytest.raises(UnsupportedModel, match=r"outputs boxes \(4, 4\) and scores \(4, classes\)"):
        tfc.Detection(anchors=ANCHORS).bind(outputs)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"strides": (16, 8)}, "strides must rise"),
        ({"strides": (6,)}, "each of 4, 8, 16, 32"),
        ({"input_shape": (40, 40, 3)}, r"divisible by 16.*Use \[48, 48\]"),
    ],
)
def test_a_network_that_cannot_be_built_is_refused(how, message):
    with pytest.raises(InvalidValue, match=message):
        tfc.ssd(**{"input_shape": (32, 32, 3), "num_classes": 2, **how})


@pytest.mark.parametrize("strides", [(8,), (4, 32)])
def test_other_strides(strides):
    model = tfc.ssd((32, 64, 3), 2, per_cell=1, strides=strides, width=4)
    assert model.output_names == ["boxes", "scores"]
    assert model.output_shape[0] == (None, sum(32 // s * (64 // s) for s in strides), 4)
