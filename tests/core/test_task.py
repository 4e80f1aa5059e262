"""What outputs mean, what targets may look like, and which metrics a task has."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.core.errors import InvalidValue, UnsupportedModel
from tfcompress.core.tasks.task import BINARY, CLASSES, LABELS, VALUES, Output, OutputSpec, drop_allowed, metric_of

LOGITS = np.array([[2.0, 0.0, 1.0], [0.0, 1.0, 3.0], [0.0, 5.0, 1.0], [1.0, 0.0, 0.5]])  # classes 0, 2, 1, 0
RIGHT = np.array([0, 2, 0, 0])  # three of four


def evaluated(task, specs, targets, outputs):
    bound = task.bind(specs)
    return {metric.name: metric.function(targets, outputs) for metric in bound.metrics}


@pytest.mark.parametrize(
    "targets",
    [RIGHT, RIGHT[:, None], RIGHT.astype("float32"), np.eye(3)[RIGHT], RIGHT.astype("uint8")],
    ids=["(N,)", "(N, 1)", "float", "one-hot", "uint8"],
)
def test_classes_in_every_form_that_data_sets_have(targets):
    found = evaluated(tfc.Classification(), (OutputSpec("logits", (None, 3)),), targets, LOGITS)
    assert found == {"accuracy": 0.75}


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        (np.zeros((4, 2)), r"must be \(N,\), the same with a last axis of 1, or one-hot \(N, 3\)"),
        (np.array([0, 1, 2, 3]), "must be classes from 0 to 2, and not 3"),
        (np.array([0, 1, 2, -1]), "must be classes from 0 to 2, and not -1"),
        (np.array([0.5, 1, 2, 0]), "must be whole numbers, a class each"),
    ],
)
def test_targets_that_do_not_fit_are_refused(targets, words):
    with pytest.raises(InvalidValue, match=words):
        evaluated(tfc.Classification(), (OutputSpec("logits", (None, 3)),), targets, LOGITS)


@pytest.mark.parametrize(("activation", "outputs"), [("sigmoid", [0.9, 0.2, 0.6]), ("", [2.0, -1.0, 0.1])])
@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_one_number_is_two_classes(activation, outputs, shape):
    """Its argmax is always 0: a sigmoid that is right two times of three was reported with one of three."""
    specs = (OutputSpec("spam", (None, *shape[1:]), activation),)
    found = evaluated(tfc.Classification(), specs, np.array([1, 0, 0]), np.array(outputs).reshape(shape))
    assert found == {"accuracy": pytest.approx(2 / 3)}


def test_each_step_of_a_sequence_has_a_class_and_padding_does_not_count():
    outputs = np.eye(4)[[[1, 2, 3], [3, 0, 0]]]
    targets = np.array([[1, 2, 2], [3, 0, 0]])  # 0 is padding: of four steps three are right
    found = evaluated(tfc.Classification(ignore=0), (OutputSpec("slots", (None, 3, 4)),), targets, outputs)
    assert found == {"accuracy": 0.75}


def test_several_labels():
    outputs, targets = np.array([[0.9, 0.1], [0.8, 0.7]]), np.array([[1, 0], [0, 1]])
    found = evaluated(
        tfc.Classification(several_labels=True), (OutputSpec("y", (None, 2), "sigmoid"),), targets, outputs
    )
    # F1 of the first label 2/3, of the second 1; three of four labels are right
    assert found == {"mean F1": pytest.approx(5 / 6), "label accuracy": 0.75}


@pytest.mark.parametrize("targets", [np.array([[[0, 1]]]), np.array([[[[0], [1]]]]), np.eye(2)[[[[0, 1]]]]])
def test_segmentation_of_two_classes_by_hand(targets):
    outputs = np.eye(2)[[[[0, 0]]]]  # one of two pixels right: IoU 1/2 of class 0, 0 of class 1
    found = evaluated(tfc.Segmentation(), (OutputSpec("mask", (None, 1, 2, 2)),), targets, outputs)
    assert found == {"mean IoU": 0.25, "pixel accuracy": 0.5}


def test_regression_by_hand():
    found = evaluated(
        tfc.Regression(), (OutputSpec("y", (None, 1)),), np.array([1.0, 2, 3]), np.array([[1.0], [2], [5]])
    )
    assert found == {"MAE": pytest.approx(2 / 3), "RMSE": pytest.approx((4 / 3) ** 0.5), "R2": pytest.approx(-1.0)}


def test_targets_of_a_regression_are_not_broadcast():
    with pytest.raises(InvalidValue, match=r"must have its outputs' shape, \(N, 2\). Received: \(N,\)"):
        evaluated(tfc.Regression(), (OutputSpec("y", (None, 2)),), np.zeros(3), np.zeros((3, 2)))


def test_a_reconstruction_is_judged_by_its_error_and_anomalies_by_its_rank():
    inputs = np.zeros((4, 2))
    outputs = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [2.0, 2.0]])  # errors 0, 1, 0.5, 4
    bound = tfc.Reconstruction(anomalies=True).bind((OutputSpec("x", (None, 2)),))
    found = {m.name: m.function(np.array([0, 0, 1, 1]), outputs, inputs) for m in bound.metrics}
    assert found == {"ROC AUC": 0.75, "error": pytest.approx(1.375)}
    assert bound.needs_inputs


def test_a_preset_is_for_one_output_and_says_what_is_for_several():
    specs = (OutputSpec("a", (None, 3)), OutputSpec("b", (None, 1)))
    with pytest.raises(UnsupportedModel, match=r"one output. Received: 2 \(a, b\). Use ByOutput"):
        tfc.Classification().bind(specs)
    task = tfc.ByOutput(tasks={"b": tfc.Regression(), "a": tfc.Classification()})
    assert [metric.name for metric in task.bind(specs).metrics] == ["b MAE", "b RMSE", "b R2", "a accuracy"]
    assert [output.kind for output in task.bind(specs).outputs] == [CLASSES, VALUES]
    with pytest.raises(UnsupportedModel, match="must name the model's outputs, a, b. Received: a"):
        tfc.ByOutput(tasks={"a": tfc.Classification()}).bind(specs)


def test_without_a_metric_there_is_no_task():
    with pytest.raises(InvalidValue, match="must have one metric at least"):
        tfc.Task(loss="mse").bind((OutputSpec("y", (None, 1)),))


@pytest.mark.parametrize(
    ("name", "higher"), [("mae", False), ("my_loss", False), ("iou", True), ("mean_squared_error", False)]
)
def test_which_of_two_values_is_better_by_a_metrics_name(name, higher):
    assert metric_of(name).higher_is_better == higher


@pytest.mark.parametrize("kind", [CLASSES, BINARY, LABELS])
def test_values_name_no_class(kind):
    assert Output("y", kind).decide(np.array([[0.2, 0.9]]) if kind != BINARY else np.array([[0.9]])).size
    with pytest.raises(ValueError, match="which name no class"):
        Output("y", VALUES).decide(np.zeros((1, 2)))


def test_a_drop_is_a_number_or_a_share():
    assert (drop_allowed(0.02, 0.9), drop_allowed("2%", 0.5)) == (0.02, 0.01)
    for wrong in (-1, "2", "two%"):
        with pytest.raises(InvalidValue, match="max_drop"):
            tfc.Regression(max_drop=wrong)
