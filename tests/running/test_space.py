from types import SimpleNamespace

import numpy as np
import pytest

from tfcompress.backend.tensorflow import keras
from tfcompress.core.errors import OutputFull, TemporaryFull
from tfcompress.core.examples.source import Split, Subset
from tfcompress.core.remarks import collecting
from tfcompress.data.kept_rows import KeptRows
from tfcompress.running import space

MODEL = SimpleNamespace(count_params=lambda: 1_000_000, outputs=[np.empty((1, 10)), np.empty((1, 5, 2))])
RECIPE = SimpleNamespace(
    data=SimpleNamespace(test=Split(np.zeros((500, 100, 100), "uint8"), np.zeros(500))),
    stages=(SimpleNamespace(fit=None),) * 3,
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


def test_decoded_examples_that_are_kept_count_as_far_as_a_fit_sees_them(monkeypatch, tmp_path):
    rows = KeptRows(100, ("uint8", (100, 100)), lambda number: np.zeros((100, 100)))
    train = Subset(SimpleNamespace(bytes_to_keep=rows.bytes_to_keep), range(10, 90))
    data = SimpleNamespace(test=RECIPE.data.test, train=train)
    fits = [SimpleNamespace(steps=steps, batch_size=10, fit=None) for steps in (3, 2)]
    stages = tuple(SimpleNamespace(fit=fit) for fit in (None, *fits))
    recipe = SimpleNamespace(**{**vars(RECIPE), "data": data, "stages": stages})
    rows.rows([10, 11, 95])
    # 500 test inputs, and 30 rows of 10,000 bytes, of which two are there
    with_free(monkeypatch, here=10**9, temporary=5_280_000)
    space.require_space(tmp_path / "run", recipe, MODEL)
    with_free(monkeypatch, here=10**9, temporary=5_279_999)
    with pytest.raises(TemporaryFull, match="room for 5 MB of test inputs, which checks read, and of decoded examples"):
        space.require_space(tmp_path / "run", recipe, MODEL)


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
