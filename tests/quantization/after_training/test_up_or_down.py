import numpy as np
import pytest

from tfcompress.quantization.after_training.adaptive_rounding import (
    choice,
    inverse_sigmoid,
    rectified_sigmoid,
    sharpness,
)


def test_the_choice_is_between_two_neighbours_and_starts_at_the_weights():
    kernel = np.random.default_rng(0).normal(size=(3, 3, 4, 5)).astype("float32")
    for axes, shape in (((), ()), ((-1,), (5,)), ((-2, -1), (4, 5))):
        found = choice(kernel, axes)
        assert found.scale.shape == shape
        soft = (found.floor + rectified_sigmoid(inverse_sigmoid(found.fraction)).numpy()) * found.scale
        np.testing.assert_allclose(soft, kernel, atol=1e-5)
        assert set(np.unique(found.nearest - found.floor)) <= {0, 1}
        assert not found.free[np.abs(found.nearest) == 127].any()


def test_a_channel_of_zeros_stays_so():
    kernel = np.zeros((4, 2), "float32")
    kernel[:, 0] = [1, 2, 3, 4]
    found = choice(kernel, (-1,))
    assert np.isfinite(found.scale).all() and not found.free[:, 1].any() and not found.nearest[:, 1].any()


def test_the_regularization_sharpens_along_half_a_cosine():
    # cos(pi / 3) = 1/2: 2 + 18 * 1.5 / 2
    assert sharpness(1 / 3) == pytest.approx(15.5)
