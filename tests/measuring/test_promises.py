import numpy as np
import pytest

from tfcompress.core.types import CHANNELS, CLUSTERS, INT8_RANGES, LEVELS, SPARSITY, Promise
from tfcompress.measuring.measure import Measurement
from tfcompress.measuring.promises import Verdict, judge_file, judge_model
from tfcompress.measuring.tflite import Contents, Kernel

SIZES = {"a/kernel": 1000, "b/kernel": 3000, "c/kernel": 1000}
HALF = Promise(SPARSITY, 0.5, ("a/kernel", "b/kernel"))


def measured(quantization_aware=False, **shares):
    named = {f"{name}/kernel": share for name, share in shares.items()}
    return Measurement(0, 0, (), 0.0, named, quantization_aware)


def contents(*kernels):
    """A file of kernels given as (zeros, entries, dtype)."""
    arrays = [np.arange(entries) >= zeros for zeros, entries, _ in kernels]
    return Contents((), tuple(Kernel("", "", array.astype(k[2])) for array, k in zip(arrays, kernels, strict=True)))


def test_the_measured_share_is_over_the_entries_of_the_promised_kernels():
    # (0.5 * 1000 + 0.7 * 3000) / 4000; c is not promised
    verdict = judge_model(HALF, measured(a=0.5, b=0.7, c=0.0), SIZES)
    assert verdict == Verdict(SPARSITY, 0.5, pytest.approx(0.65), True)


@pytest.mark.parametrize(
    ("share", "kept"),
    [(0.5, True), (0.495, True), (0.494, False), (0.0, False), (1.0, True)],  # half a percent is tolerated
)
def test_a_kernel_must_keep_its_share_up_to_half_a_percent(share, kept):
    assert judge_model(HALF, measured(a=share, b=0.9), SIZES).kept is kept


def test_one_bad_kernel_breaks_the_promise_though_the_others_make_up_for_it():
    verdict = judge_model(HALF, measured(a=0.0, b=0.9), SIZES)
    assert verdict.measured > 0.5
    assert not verdict.kept


def test_a_small_kernel_may_miss_one_whole_weight():
    promise = Promise(SPARSITY, 0.5, ("a/kernel",))
    assert judge_model(promise, measured(a=2 / 5), {"a/kernel": 5}).kept  # 3 of 5 cannot be asked of 0.5
    assert not judge_model(promise, measured(a=1 / 5), {"a/kernel": 5}).kept


def test_a_kernel_that_has_gone_is_not_kept():
    verdict = judge_model(HALF, measured(a=0.9), SIZES)
    assert not verdict.kept


@pytest.mark.parametrize("aware", [True, False])
def test_int8_ranges_are_there_or_not(aware):
    verdict = judge_model(Promise(INT8_RANGES), measured(quantization_aware=aware), SIZES)
    assert verdict == Verdict(INT8_RANGES, 1.0, float(aware), aware)


def test_a_file_is_held_to_the_share_over_the_whole_model():
    # promised: (0.5 * 1000 + 0.5 * 3000) / 5000 = 0.4
    (verdict,) = judge_file([HALF], contents((500, 1000, "f4"), (1500, 3000, "f4"), (0, 1000, "f4")), SIZES)
    assert verdict == Verdict(SPARSITY, pytest.approx(0.4), 0.4, True)


@pytest.mark.parametrize(("zeros", "kept"), [(1980, True), (1970, False)])  # 0.396 and 0.394 against 0.4 - 0.005
def test_a_file_that_lost_zeros_breaks_the_promise(zeros, kept):
    (verdict,) = judge_file([HALF], contents((zeros, 5000, "f4")), SIZES)
    assert verdict.kept is kept


def test_two_promises_of_sparsity_are_one_verdict_and_the_later_counts():
    later = Promise(SPARSITY, 0.8, ("b/kernel",))
    (verdict,) = judge_file([HALF, later], contents((2900, 5000, "i1")), SIZES)
    assert verdict == Verdict(SPARSITY, pytest.approx((500 + 2400) / 5000), pytest.approx(0.58), True)


def test_a_file_in_which_one_kernel_is_float_has_not_int8_throughout():
    (verdict,) = judge_file([Promise(INT8_RANGES)], contents((0, 1000, "i1"), (0, 3000, "f4")), SIZES)
    assert verdict == Verdict(INT8_RANGES, 1.0, 0.25, False)
    (verdict,) = judge_file([Promise(INT8_RANGES)], contents((0, 1000, "i1")), SIZES)
    assert verdict.kept


def test_a_file_without_kernels_keeps_no_promise():
    assert [verdict.kept for verdict in judge_file([HALF, Promise(INT8_RANGES)], Contents((), ()), SIZES)] == [
        False
    ] * 2


def test_nothing_promised_nothing_judged():
    assert judge_file([], contents((0, 10, "f4")), SIZES) == ()


SIXTEEN = Promise(CLUSTERS, kernels=("a/kernel", "c/kernel"), at_most=16)


def test_the_kernel_with_most_values_tells_whether_clusters_are_kept():
    figures = Measurement(0, 0, (), 0.0, {}, False, {"a/kernel": 12, "b/kernel": 900, "c/kernel": 16})
    assert judge_model(SIXTEEN, figures, SIZES) == Verdict(CLUSTERS, 16, 16, True)
    figures = Measurement(0, 0, (), 0.0, {}, False, {"a/kernel": 12, "b/kernel": 900, "c/kernel": 17})
    assert judge_model(SIXTEEN, figures, SIZES) == Verdict(CLUSTERS, 16, 17, False)
    assert judge_model(SIXTEEN, measured(a=0.0), SIZES) == Verdict(CLUSTERS, 16, 1000, False)  # not to be found


def clustered(*kernels):
    """A file of kernels given as (distinct values, entries)."""
    arrays = [(np.arange(entries) % values).astype("i2") for values, entries in kernels]
    return Contents((), tuple(Kernel("", "", array) for array in arrays))


@pytest.mark.parametrize(
    ("kernels", "verdict"),
    [
        ([(16, 1000), (3000, 3000), (10, 1000)], Verdict(CLUSTERS, 16, 16, True)),
        ([(16, 1000), (3000, 3000), (17, 1000)], Verdict(CLUSTERS, 16, 17, False)),
        ([(16, 1000), (3000, 3000)], Verdict(CLUSTERS, 16, 1000, False)),  # one of the two is not in the file
    ],
)
def test_each_promised_kernel_has_one_of_its_size_in_the_file_with_as_few_values(kernels, verdict):
    assert judge_file([SIXTEEN], clustered(*kernels), SIZES) == (verdict,)


def test_kernels_of_one_size_may_be_promised_different_numbers():
    few, many = (
        Promise(CLUSTERS, kernels=("a/kernel",), at_most=4),
        Promise(CLUSTERS, kernels=("c/kernel",), at_most=32),
    )
    assert judge_file([many, few], clustered((30, 1000), (4, 1000)), SIZES)[0].kept
    assert judge_file([many, few], clustered((30, 1000), (5, 1000)), SIZES) == (Verdict(CLUSTERS, 4, 5, False),)


FOUR_BITS = Promise(LEVELS, kernels=("a/kernel", "c/kernel"), at_most=16)


@pytest.mark.parametrize(("levels", "kept"), [(16, True), (17, False)])
def test_levels_are_those_that_the_fake_quantized_kernel_uses(levels, kept):
    # Values of the float kernel are many; its levels are what counts.
    figures = Measurement(0, 0, (), 0.0, {}, True, {"a/kernel": 900}, {"a/kernel": 15, "c/kernel": levels})
    assert judge_model(FOUR_BITS, figures, SIZES) == Verdict(LEVELS, 16, levels, kept)
    assert judge_model(FOUR_BITS, measured(a=0.0), SIZES) == Verdict(LEVELS, 16, 1000, False)  # not fake-quantized


def test_levels_of_a_file_are_judged_beside_its_clusters():
    file = clustered((15, 1000), (3000, 3000), (12, 1000))
    assert judge_file([FOUR_BITS, SIXTEEN], file, SIZES) == (
        Verdict(CLUSTERS, 16, 15, True),
        Verdict(LEVELS, 16, 15, True),
    )


GONE = Promise(CHANNELS, 0.6, tuple(SIZES), num_weights=5000)  # 2,000 of SIZES' 5,000 weights may be left


@pytest.mark.parametrize(("left", "kept"), [(2000, True), (1000, True), (2500, False), (5000, False)])
def test_removed_channels_are_told_by_the_weights_that_are_left(left, kept):
    verdict = judge_model(GONE, measured(), {"a/kernel": left - 500, "b/kernel": 500})
    assert verdict == Verdict(CHANNELS, 0.6, pytest.approx(1 - left / 5000), kept)
    (verdict,) = judge_file([GONE], contents((0, left - 500, "int8"), (0, 500, "int8")), {})
    assert (verdict.measured, verdict.kept) == (pytest.approx(1 - left / 5000), kept)


def test_zeros_promised_together_may_be_anywhere():
    promise = Promise(SPARSITY, 0.5, ("a/kernel", "b/kernel"), together=True)
    sizes = {"a/kernel": 300, "b/kernel": 100}
    for shares, kept in (((0.6, 0.2), True), ((0.4, 0.7), False)):  # 0.5 and 0.475 over both
        assert judge_model(promise, measured(**dict(zip("ab", shares, strict=True))), sizes).kept == kept
