"""Each score on kernels small enough to work by hand."""

import numpy as np
import pytest

import tfcompress as tfc

# (height 1, width 2, 2 input channels, 2 filters); filter 0 holds 1, -2, 3, 0 and filter 1 holds 4, 0, 0, -4.
KERNEL = np.array([[[[1.0, 4.0], [-2.0, 0.0]], [[3.0, 0.0], [0.0, -4.0]]]])


def test_l1_by_weight_is_magnitude():
    np.testing.assert_array_equal(tfc.scores.L1()(KERNEL), np.abs(KERNEL))


def test_l1_by_filter_is_the_mean_magnitude_of_each():
    # (1 + 2 + 3 + 0) / 4 and (4 + 0 + 0 + 4) / 4
    score = tfc.scores.L1(group="filter")(KERNEL)
    assert score.shape == KERNEL.shape
    np.testing.assert_array_equal(score[..., 0], np.full((1, 2, 2), 1.5))
    np.testing.assert_array_equal(score[..., 1], np.full((1, 2, 2), 2.0))


def test_l2_by_filter_is_the_root_mean_square_of_each():
    # sqrt((1 + 4 + 9 + 0) / 4) and sqrt((16 + 16) / 4)
    score = tfc.scores.L2()(KERNEL)
    np.testing.assert_allclose(score[0, 0, 0], [np.sqrt(3.5), np.sqrt(8.0)])
    assert score.shape == KERNEL.shape


def test_l2_by_slice_looks_at_one_filter_and_one_input_channel():
    # Filter 0 reads channel 0 by 1 and 3: sqrt(10 / 2); channel 1 by -2 and 0: sqrt(4 / 2). Filter 1: 4, 0 and 0, -4.
    score = tfc.scores.L2(group="slice")(KERNEL)
    np.testing.assert_allclose(score[0, 0], [[np.sqrt(5), np.sqrt(8)], [np.sqrt(2), np.sqrt(8)]])
    np.testing.assert_array_equal(score[0, 0], score[0, 1])


def test_the_filters_of_a_transposed_convolution_lie_along_its_last_axis_but_one():
    # Now (height, width, filters, inputs): filter 0 holds 1, 4, 3, 0 and filter 1 holds -2, 0, 0, -4.
    score = tfc.scores.L1(group="filter")(KERNEL, tfc.scores.KernelStatistics(output_axis=-2))
    np.testing.assert_array_equal(score[0, 0], [[2.0, 2.0], [1.5, 1.5]])


def test_movement_and_gradient_times_weight():
    kernel = np.array([[2.0, -0.5]])
    movement = np.array([[-0.1, 0.4]])
    gradient = np.array([[-0.3, 4.0]])
    np.testing.assert_array_equal(
        tfc.scores.Movement()(kernel, tfc.scores.KernelStatistics(movement=movement)), movement
    )
    # |-0.3 * 2|, |4 * -0.5|
    np.testing.assert_allclose(
        tfc.scores.GradientTimesWeight()(kernel, tfc.scores.KernelStatistics(gradient=gradient)), [[0.6, 2.0]]
    )


@pytest.mark.parametrize(
    "score", [tfc.scores.Movement(), tfc.scores.GradientTimesWeight()], ids=lambda score: score.needs
)
def test_a_score_says_what_it_lacks(score):
    with pytest.raises(ValueError, match=f"{type(score).__name__} expects statistics with a {score.needs}"):
        score(KERNEL)


def test_the_lot_is_drawn_by_name_and_seed():
    draw = tfc.scores.Random()(KERNEL, tfc.scores.KernelStatistics("a"))
    np.testing.assert_array_equal(tfc.scores.Random()(KERNEL * 7, tfc.scores.KernelStatistics("a")), draw)
    assert not np.any(tfc.scores.Random()(KERNEL, tfc.scores.KernelStatistics("b")) == draw)
    assert not np.any(tfc.scores.Random(seed=1)(KERNEL, tfc.scores.KernelStatistics("a")) == draw)
    assert draw.shape == KERNEL.shape


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: tfc.scores.L1(group="row"), "L1.group"),
        (lambda: tfc.scores.L2(group="row"), "L2.group"),
        (lambda: tfc.scores.GradientTimesWeight(num_examples=0), "GradientTimesWeight.num_examples"),
    ],
)
def test_bad_values_name_their_field(make, field):
    with pytest.raises(tfc.InvalidValue, match=field):
        make()
