import math

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.quantization.quantizers.quantizer import back, by_channel, error


def test_the_error_by_hand():
    # signal 9 + 16 = 25, noise 0 + 4 = 4; cosine (9 + 8) / (5 * sqrt(13))
    told = error(np.array([3.0, 4.0]), np.array([3.0, 2.0]))
    assert (told.largest, told.mean_squared) == (2.0, 2.0)
    assert told.sqnr_db == pytest.approx(10 * math.log10(25 / 4))
    assert told.cosine == pytest.approx(17 / (5 * math.sqrt(13)))


def test_the_error_of_what_is_equal_and_of_nothing():
    assert error(np.ones(3), np.ones(3)).sqnr_db == math.inf
    assert error(np.zeros(3), np.zeros(3)).cosine == 1.0
    assert error(np.zeros(3), np.ones(3)).sqnr_db == -math.inf
    assert error(np.ones(3), np.zeros(3)).cosine == 0.0


@pytest.mark.parametrize("axes", [(), (-1,), (0,), (1,), (-2, -1), (0, 2), (2, 0), (0, 1, 2)])
def test_channels_are_columns_and_come_back(axes):
    values = np.arange(24, dtype="f4").reshape(2, 3, 4)
    columns = by_channel(values, axes)
    assert columns.shape[1] == math.prod(values.shape[axis] for axis in axes)
    np.testing.assert_array_equal(back(columns, values.shape, axes), values)
    if axes == (0, 2):
        np.testing.assert_array_equal(columns[:, 1], values[0, :, 1])  # channel (0, 1)


@pytest.mark.parametrize("quantizer", [tfc.Affine(), tfc.Codebook(), tfc.PiecewiseLinear()])
def test_all_kinds_are_quantizers(quantizer):
    assert isinstance(quantizer, tfc.Quantizer)
    with pytest.raises(tfc.InvalidValue, match="in the kernel"):
        quantizer.approximate(np.array([[1.0, np.nan]]), name="the kernel")
    with pytest.raises(tfc.InvalidValue, match="in the kernel"):
        quantizer.approximate(np.empty((0, 2)), name="the kernel")
