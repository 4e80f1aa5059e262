"""Cards of inputs of every kind, from what a run keeps of them."""

import numpy as np
import pytest

from tfcompress.reporting.page import changed as page
from tfcompress.reporting.page.changed import changed

NUMBER = 7


class Kept:
    """A run whose kept inputs are given."""

    def __init__(self, says, array, before, after, **more):
        self.arrays = {"inputs-0.npy": array, "clips.npy": more.pop("clips_array", None)}
        row = {"example": NUMBER, "change": 1.25, "before": before, "after": after, "target": {}}
        inputs = [{"name": "x", "shape": list(array.shape[1:]), "array": "inputs-0.npy", "meaning": "", **says}]
        kept = {"changed": {"a int8": [row]}, "inputs": inputs, "examples": [NUMBER], "described": [NUMBER], **more}
        self.details = {"kept": kept}
        self.report = type("Report", (), {"files": (type("File", (), {"zipped_bytes": 1, "variant": "a int8"}),)})

    def array(self, name):
        return self.arrays[name]


CLASS = {"y": {"class": 1, "probability": 0.5}}, {"y": {"class": 0, "probability": 0.75}}


def test_a_picture_is_in_the_page_once():
    found = changed(Kept({"kind": "picture"}, np.zeros((1, 8, 8, 1), "uint8"), *CLASS, classes={"y": ["cat", "dog"]}))
    assert 'alt="input of example 7" data-from="look-7-0"' in found.body
    assert "dog 50.0%" in found.body
    assert "cat 75.0%" in found.body
    assert found.media["look-7-0"].startswith("data:image/png;base64,")


def test_a_recording_can_be_heard():
    clips = {"array": "clips.npy", "num": 1, "sample_rate": 8000}
    says = {"kind": "recording", "is_spectrogram": True, "sample_rate": 8000}
    array = np.random.default_rng(0).normal(size=(1, 20, 10, 1))
    found = changed(Kept(says, array, *CLASS, clips=clips, clips_array=np.zeros((1, 50), "int16")))
    assert '<audio controls preload="none" data-from="sound-7-0"></audio>' in found.body
    assert found.media["sound-7-0"].startswith("data:audio/wav;base64,")


def test_sound_itself_is_drawn_and_heard():
    says = {"kind": "recording", "is_spectrogram": False, "sample_rate": 8000}
    found = changed(Kept(says, np.zeros((1, 4000), "float32"), *CLASS))
    assert "<svg" in found.body
    assert list(found.media) == ["sound-7-0"]


def test_a_text_is_written():
    found = changed(Kept({"kind": "text", "texts": ["play <jazz>"]}, np.zeros((1, 4), "int32"), *CLASS))
    assert '<p class="words">play &lt;jazz&gt;</p>' in found.body


def test_several_numbers_are_drawn_as_lines_and_few_are_written():
    series = {"kind": "series"}, np.zeros((1, 12, 1), "float32")
    many = changed(Kept(*series, {"y": {"numbers": [0, 1, 2, 3]}}, {"y": {"numbers": [0, 1, 2, 4]}})).body
    assert 'class="before"' in many
    assert 'class="now"' in many
    few = changed(Kept(*series, {"y": {"numbers": [0.5]}}, {"y": {"numbers": [0.25]}})).body
    assert "<dt>before</dt><dd>0.5</dd>" in few


def test_a_page_does_not_grow_without_end(monkeypatch):
    monkeypatch.setattr(page, "MEDIA_BYTES", 10)
    found = changed(Kept({"kind": "picture"}, np.zeros((1, 8, 8, 1), "uint8"), *CLASS))
    assert not found.media
    assert "the page would grow too large" in found.body


@pytest.mark.parametrize(
    ("kinds", "words"),
    [
        ({"y": "confusion"}, "The change: half of all differences in probability, and 1 more"),
        ({"y": "errors"}, "The change: the root mean square of the differences"),
        ({"y": "not compared"}, "The change: the root mean square of the differences"),
        ({"y": "labels"}, "The change: the mean difference in probability of a label"),
        (
            {"kind": "confusion", "x": "errors", "y": "errors"},
            "mean over the outputs: of kind, half of all differences in probability, and 1 more where the class is "
            "another; of x, y, the root mean square",
        ),
    ],
)
def test_what_a_change_is_depends_on_the_kind_of_output(kinds, words):
    outcomes = {variant: {name: {"kind": kind} for name, kind in kinds.items()} for variant in ("a float32", "a int8")}
    body = changed(Kept({"kind": "picture"}, np.zeros((1, 8, 8, 1), "uint8"), *CLASS, outcomes=outcomes)).body
    assert words in body
    assert body.count("half of all") == ("confusion" in kinds.values())
    assert body.count("root mean square") == bool({"errors", "not compared"} & set(kinds.values()))


@pytest.mark.parametrize("kept", [{}, {"changed": {}}])
def test_without_changed_examples_there_is_no_section(kept):
    run = Kept({"kind": "picture"}, np.zeros((1, 8, 8, 1), "uint8"), *CLASS)
    run.details = {"kept": kept}
    assert changed(run) is None
