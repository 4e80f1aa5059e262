import numpy as np
import pytest

from tfcompress.core.tasks.task import Output
from tfcompress.running.examples.changed import described, distances, most_changed

CLASSES = Output("y", "classes")


def test_another_class_counts_more_than_another_probability():
    before = np.log(np.array([[0.9, 0.1], [0.6, 0.4], [0.51, 0.49]]))
    after = np.log(np.array([[0.9, 0.1], [0.9, 0.1], [0.49, 0.51]]))
    assert distances(CLASSES, before, after) == pytest.approx([0, 0.3, 1.02])
    assert [number for number, _ in most_changed([CLASSES], {"y": before}, {"y": after}, 8)] == [2, 1]


def test_an_example_that_is_equal_has_not_changed():
    same = np.random.default_rng(0).normal(size=(5, 3))
    assert most_changed([CLASSES], {"y": same}, {"y": same}, 8) == []


def test_numbers_are_apart_by_their_deviation():
    before = np.array([[0.0], [2.0]])
    assert distances(Output("y", "values"), before, before + [[0.0], [0.5]]) == pytest.approx([0, 0.5])


def test_an_offset_of_logits_changes_nothing():
    logits = np.array([[1.0, 2.0]])
    assert distances(CLASSES, logits, logits + 100) == pytest.approx([0])


@pytest.mark.parametrize(
    ("output", "given", "expected"),
    [
        (CLASSES, [0.0, 0.0, np.log(2.0)], {"class": 2, "probability": 0.5}),
        (Output("y", "classes", from_logits=False), [0.25, 0.75], {"class": 1, "probability": 0.75}),
        (Output("y", "binary", from_logits=False), [0.2], {"class": 0, "probability": 0.8}),
        (Output("y", "values"), [1.5, 2.0], {"numbers": [1.5, 2.0]}),
        (Output("y", "values"), np.zeros(65), {"numbers": []}),
        (Output("y", "labels"), [1.0, -1.0], {"classes": [1, 0]}),
    ],
)
def test_a_prediction_is_described(output, given, expected):
    found = described(output, np.array(given))
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value)
