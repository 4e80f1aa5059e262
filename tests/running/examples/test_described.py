import numpy as np
import pytest

from tfcompress.core.examples.notes import TensorNotes
from tfcompress.running.examples.described import describe_input, texts_of


@pytest.mark.parametrize(
    ("values", "notes", "kind"),
    [
        (np.zeros((2, 32, 32, 3), "uint8"), TensorNotes("pixels"), "picture"),
        (np.zeros((2, 61, 40, 1)), TensorNotes("", settings={"log_mel": {"sample_rate": 8000}}), "recording"),
        (np.zeros((2, 8000)), TensorNotes("", sample_rate=8000), "recording"),
        (np.zeros((2, 24), "int32"), TensorNotes("", vocabulary=("", "?", "play")), "text"),
        (np.zeros((2, 48, 3)), TensorNotes(""), "series"),
        (np.zeros((2, 3)), TensorNotes(""), "numbers"),
        (np.zeros((2, 24), "int32"), TensorNotes(""), "numbers"),
        (np.zeros(2), TensorNotes(""), "numbers"),
    ],
)
def test_what_an_input_is(values, notes, kind):
    found = describe_input("x", values, notes)
    assert (found["kind"], found["shape"]) == (kind, list(values.shape[1:]))


def test_words_that_the_vocabulary_lacks_are_numbers():
    assert texts_of(np.array([[2, 9, 0], [0, 0, 1]]), ("<PAD>", "<UNKNOWN>", "play")) == ["play #9", "[?]"]
