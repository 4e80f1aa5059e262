from types import SimpleNamespace

import numpy as np
import pytest

from tfcompress.core.errors import OutputFull, TemporaryFull
from tfcompress.core.examples.source import Split
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
