import numpy as np
import pytest

from tfcompress.core.tasks.task import Output
from tfcompress.running.examples.outcomes import MOST_CLASSES, outcome


def one_hot(classes, count):
    return np.eye(count)[classes]


def test_counts_by_true_and_by_predicted_class():
    found = outcome(Output("y", "classes"), np.array([0, 1, 1, 2]), one_hot([0, 1, 0, 1], 3))
    assert found["matrix"] == [[1, 0, 0], [1, 1, 0], [0, 1, 0]]
    assert (found["num_right"], found["num_counted"]) == (2, 4)
    assert found["confusions"] == [{"true": 1, "predicted": 0, "num": 1}, {"true": 2, "predicted": 1, "num": 1}]


def test_targets_that_do_not_count_are_left_out():
    given = one_hot([[0, 1], [1, 1]], 2)
    found = outcome(Output("y", "classes", ignore=0, rank=3), np.array([[0, 1], [1, 0]]), given)
    assert (found["num_right"], found["num_counted"]) == (2, 2)


def test_of_many_classes_the_matrix_is_left_out():
    count = MOST_CLASSES + 1
    found = outcome(Output("y", "classes"), np.arange(count), one_hot(np.arange(count)[::-1].copy(), count))
    assert "matrix" not in found
    assert found["num_right"] == 1
    assert found["confusions"][0] == {"true": 0, "predicted": count - 1, "num": 1}


def test_one_number_for_two_classes():
    found = outcome(Output("y", "binary"), np.array([0, 1, 1]), np.array([[-1.0], [2.0], [-3.0]]))
    assert found["matrix"] == [[1, 0], [1, 1]]


def test_labels_are_counted_one_by_one():
    targets, given = np.array([[1, 0], [1, 1]]), np.array([[2.0, 3.0], [-1.0, 4.0]])
    found = outcome(Output("y", "labels"), targets, given)
    assert found["by_label"] == [
        {"class": 0, "num_right": 1, "num_missed": 1, "num_false": 0},
        {"class": 1, "num_right": 1, "num_missed": 0, "num_false": 1},
    ]


def test_errors_of_numbers_by_the_last_axis():
    targets, given = np.zeros((4, 2)), np.array([[1.0, -2.0]] * 4)
    found = outcome(Output("y", "values"), targets, given)
    assert found["by_output"] == [1.0, 2.0]
    assert found["mean_absolute_error"] == pytest.approx(1.5)
    assert sum(found["histogram"]["counts"]) == found["histogram"]["num"] == 8


def test_targets_of_another_form_are_named_and_not_compared():
    found = outcome(Output("boxes", "values"), np.zeros((3, 5)), np.zeros((3, 7, 4)))
    assert found["kind"] == "not compared"
    assert "(3, 5)" in found["reason"]
