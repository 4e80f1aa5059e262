from types import SimpleNamespace

import numpy as np
import pytest

from tfcompress.backend.tensorflow import keras
from tfcompress.core.errors import OutputFull, TemporaryFull
from tfcompress.core.examples.source import Split
from tfcompress.core.remarks import collecting
from tfcompress.running import space

MODEL = SimpleNamespace(count_params=lambda: 1_000_000, outputs=[np.empty((1, 10)), np.empty((1, 5, 2))])
RECIPE = SimpleNamespace(
    data=SimpleNamespace(test=Split(np.zeros((500, 100, 100), "uint8"), np.zeros(500))),
    stages=(1, 2, 3),
    exports={"a": (1, 2)},
    checks=(1,),
)


def with_free(monkeypatch, **free):
    monkeypatch.setattr(space, "_free", lambda folder: free["here" if folder.name == "run" else "temporary"])


@pytest.mark.parametrize(
    ("here", "temporary", "error", "words"),
    [
        # 4 MB of weights, and 500 x 20 numbers of outputs for each of three stages and two files: 0.2 MB
        (4_200_000, 5_000_000, None, ""),
        (4_199_999, 5_000_000, OutputFull, "room for 4 MB of models and outputs at least. Received: 4 MB free."),
        # 500 inputs of 10,000 bytes
        (4_200_000, 4_999_999, TemporaryFull, "room for 5 MB of test inputs, .* Received: 5 MB free. .* TMPDIR"),
    ],
)
def test_a_disk_that_cannot_hold_the_run_is_told_before_it_begins(monkeypatch, tmp_path, here, temporary, error, words):
    with_free(monkeypatch, here=here, temporary=temporary)
    if error is None:
        space.require_space(tmp_path / "run", RECIPE, MODEL)
    else:
        with pytest.raises(error, match=words):
            space.require_space(tmp_path / "run", RECIPE, MODEL)


def test_without_checks_no_inputs_are_written(monkeypatch, tmp_path):
    with_free(monkeypatch, here=4_200_000, temporary=0)
    space.require_space(tmp_path / "run", SimpleNamespace(**{**vars(RECIPE), "checks": ()}), MODEL)


TOO_LARGE = "a step of 50 examples needs 2 MB of memory at least, and 2 MB are free. Use a smaller batch_size."


def conv():
    return keras.Sequential([keras.Input((100, 100, 1)), keras.layers.Conv2D(2, 3), keras.layers.ReLU()])


@pytest.mark.parametrize(
    # 20 weights twice, and 10,000 numbers into the convolution for each of 50 examples, of four bytes each
    ("free", "said"),
    [
        (2_000_160, []),
        (
            2_000_159,
            ["a step of 50 examples needs 2 MB of memory at least, and 2 MB are free. Use a smaller batch_size."],
        ),
    ],
)
def test_a_step_that_memory_cannot_hold_is_told(monkeypatch, free, said):
    monkeypatch.setattr(space, "free_memory", lambda: free)
    with collecting() as found:
        space.say_memory(conv(), distilled(SimpleNamespace(batch_size=50)))
    assert found == said


def distilled(fit):
    return SimpleNamespace(fit=fit, __call__=None)


def test_of_a_fit_without_a_batch_size_nothing_is_said(monkeypatch):
    monkeypatch.setattr(space, "free_memory", lambda: 0)
    with collecting() as found:
        space.say_memory(conv(), SimpleNamespace(steps=3))
    assert found == []


def test_free_memory_is_some_of_the_machine_s():
    assert 0 < space.free_memory() < 2**50
