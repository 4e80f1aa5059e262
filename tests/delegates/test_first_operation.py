"""A file cut off, and the search for the first operation that departs; the GPU's own part is in test_gpu.py."""

import math

import numpy as np

from tfcompress.delegates import cutting, runtimes
from tfcompress.delegates.first_operation import bisected


def test_a_cut_file_gives_what_its_operations_have_made(reshaping, tmp_path):
    whole = runtimes.CpuRuntime(reshaping.artifact.path, "builtin")
    example = np.random.default_rng(0).random((1, 8, 8, 3), "float32")
    (expected,) = whole.run([example])
    model = cutting.unpacked(reshaping.artifact.path.read_bytes())
    assert cutting.operation(model, 0)[0] == "CONV_2D"
    path = tmp_path / "cut.tflite"
    for number in range(cutting.num_operations(model)):
        path.write_bytes(cutting.cut_after(model, number))
        part = runtimes.CpuRuntime(path, "builtin")
        assert part.num_ops == number + 1 and len(part.outputs) == 1
        (found,) = part.run([example])
    np.testing.assert_array_equal(found, expected)  # the last cut is none


def test_the_search_asks_few_positions_and_passes_over_those_that_cannot_be_tried():
    asked = []

    def decibels(number):
        asked.append(number)
        return math.nan if number == 60 else 100.0 - number if number < 61 else 3.0

    assert bisected(range(100), decibels, 30.0) == (61, 3.0, 41.0)
    assert len(asked) < 12


def test_what_never_departs_is_nothing():
    assert bisected([0, 1], lambda number: 99.0, 40.0) is None
    assert bisected([0, 1], lambda number: 1.0, 40.0) == (0, 1.0, math.inf)
