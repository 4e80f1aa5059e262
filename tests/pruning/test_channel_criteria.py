"""Each criterion against numbers worked by hand; `Slice` rows are channels."""

import numpy as np

import tfcompress as tfc
from tfcompress.pruning.channel_criteria import Slice

ROWS = np.array([[3.0, -4.0], [0.0, 1.0], [-6.0, 8.0]])


def kernel(rows, role="makes", **more):
    return Slice("conv", "kernel", role, np.asarray(rows, float), **more)


def test_l1_norm_by_hand():
    # 7, 1, 14; their mean is 22/3
    np.testing.assert_allclose(tfc.criteria.L1()([kernel(ROWS)]), np.array([7, 1, 14]) * 3 / 22)


def test_l2_norm_by_hand():
    # 5, 1, 10; their mean is 16/3
    np.testing.assert_allclose(tfc.criteria.L2()([kernel(ROWS)]), np.array([5, 1, 10]) * 3 / 16)


def test_norms_are_averaged_over_a_group_each_kernel_by_its_own_mean():
    # (1, 3) / 2 and (30, 10) / 20
    two = [kernel([[1.0], [3.0]]), kernel([[30.0], [-10.0]])]
    np.testing.assert_allclose(tfc.criteria.L2()(two), [1.0, 1.0])
    np.testing.assert_allclose(tfc.criteria.L1()([two[0], kernel([[1.0], [0.0]], role="takes")]), [0.5, 1.5])
    np.testing.assert_allclose(
        tfc.criteria.L1(readers=True)([two[0], kernel([[1.0], [0.0]], role="takes")]), [1.25, 0.75]
    )


def test_biases_and_scales_are_no_kernels():
    bias = Slice("conv", "bias", "makes", np.array([[100.0], [0.0]]))
    np.testing.assert_allclose(tfc.criteria.L2()([kernel([[1.0], [3.0]]), bias]), [0.5, 1.5])
    assert tfc.criteria.L2()([bias]) is None


def test_batch_norm_scale_by_hand():
    scales = [
        Slice("bn", "gamma", "makes", np.array([[-2.0], [0.5]])),
        Slice("b2", "gamma", "makes", np.array([[1.0], [0.5]])),
    ]
    np.testing.assert_allclose(tfc.criteria.BatchNormScale()(scales), [1.5, 0.5])
    assert tfc.criteria.BatchNormScale()([kernel(ROWS)]) is None


def test_taylor_by_hand():
    # channel 1: (3 * 1 - 4 * 0.5 + bias 2 * -1)^2 = (-1)^2; channel 3: (-6 + 8 * 2 + 0)^2
    gradients = np.array([[1.0, 0.5], [3.0, 0.0], [1.0, 2.0]])
    bias = Slice("conv", "bias", "makes", np.array([[2.0], [1.0], [0.0]]), np.array([[-1.0], [4.0], [9.0]]))
    np.testing.assert_allclose(tfc.criteria.Taylor()([kernel(ROWS, gradients=gradients), bias]), [1.0, 16.0, 100.0])
    assert tfc.criteria.Taylor()([kernel(ROWS, role="takes", gradients=gradients)]) is None


def test_geometric_median_by_hand():
    # rows (0,0), (3,4), (0,8): distances 5 + 8, 5 + 5, 8 + 5; their mean is 12
    np.testing.assert_allclose(
        tfc.criteria.GeometricMedian()([kernel([[0, 0], [3, 4], [0, 8]])]), np.array([13, 10, 13]) / 12
    )


def test_lamp_by_hand():
    # squares 25, 1, 100: 25 / 125, 1 / 126, 100 / 100
    np.testing.assert_allclose(tfc.criteria.Lamp()([kernel(ROWS)]), [25 / 125, 1 / 126, 1.0])


def test_activation_is_the_mean_over_readers():
    readers = [kernel(ROWS, role="takes", activations=np.array([1.0, 2.0, 3.0])),
               kernel(ROWS, role="takes", activations=np.array([2.0, 2.0, 2.0]))]  # fmt: skip
    np.testing.assert_allclose(tfc.criteria.Activation()(readers), [0.75, 1.0, 1.25])


def test_random_differs_by_family_and_seed():
    slices = [kernel(ROWS)]
    assert not np.array_equal(tfc.criteria.Random()(slices, 0), tfc.criteria.Random()(slices, 1))
    assert not np.array_equal(tfc.criteria.Random(seed=0)(slices), tfc.criteria.Random(seed=1)(slices))
    np.testing.assert_array_equal(tfc.criteria.Random(seed=1)(slices), tfc.criteria.Random(seed=1)(slices))
