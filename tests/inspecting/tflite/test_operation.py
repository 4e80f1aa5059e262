"""MACs worked by hand: kernel entries times the positions at which they are used."""

import pytest

from tfcompress.inspecting.tflite.operation import arithmetic, float_operations, integer_share, num_macs


@pytest.mark.parametrize(
    ("op", "inputs", "outputs", "expected"),
    [
        # 4 by 4 positions, kernel 5 * 3*3*2 = 90
        ("CONV_2D", [(1, 9, 9, 2), (5, 3, 3, 2), (5,)], [(1, 4, 4, 5)], 16 * 90),
        # the same for a batch of 2
        ("CONV_2D", [(2, 9, 9, 2), (5, 3, 3, 2), (5,)], [(2, 4, 4, 5)], 2 * 16 * 90),
        # two groups of 2 channels: the kernel's last dimension is 2 of 4 input channels
        ("CONV_2D", [(1, 6, 6, 4), (4, 3, 3, 2), None], [(1, 4, 4, 4)], 16 * 72),
        # kernel 1*3*3*8 = 72
        ("DEPTHWISE_CONV_2D", [(1, 6, 6, 4), (1, 3, 3, 8), (8,)], [(1, 4, 4, 8)], 16 * 72),
        # kernel 2*2*2*1*3 = 24 at 27 positions
        ("CONV_3D", [(1, 4, 4, 4, 1), (2, 2, 2, 1, 3), None], [(1, 3, 3, 3, 3)], 27 * 24),
        # kernel 3*2*2*5 = 60 at each of the 4 by 4 positions of the input
        ("TRANSPOSE_CONV", [(4,), (3, 2, 2, 5), (1, 4, 4, 5)], [(1, 8, 8, 3)], 16 * 60),
        ("FULLY_CONNECTED", [(1, 7), (3, 7), (3,)], [(1, 3)], 21),
        # five rows of 7
        ("FULLY_CONNECTED", [(1, 5, 7), (3, 7), None], [(1, 5, 3)], 5 * 21),
        # (2, 3, 4) by (2, 4, 5): 2 * 3 * 5 outputs of 4 products
        ("BATCH_MATMUL", [(2, 3, 4), (2, 4, 5)], [(2, 3, 5)], 30 * 4),
        ("ADD", [(1, 8), (1, 8)], [(1, 8)], 0),
        # 8 steps, each by four kernels of 6 x 4 and four of 6 x 6
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", [(1, 8, 4), *[(6, 4)] * 4, *[(6, 6)] * 4, None], [(1, 8, 6)], 8 * (96 + 144)),
        ("SVDF", [(1, 8)], [(1, 4)], None),
    ],
)
def test_macs(op, inputs, outputs, expected):
    assert num_macs(op, inputs, outputs) == expected


def test_a_transposed_operand_is_read_the_other_way():
    # (2, 4, 3) transposed is (2, 3, 4)
    assert num_macs("BATCH_MATMUL", [(2, 4, 3), (2, 4, 5)], [(2, 3, 5)], (True, False)) == 30 * 4


@pytest.mark.parametrize(
    ("op", "inputs", "outputs", "weights", "expected"),
    [
        ("CONV_2D", ["INT8"], ["INT8"], "INT8", "int8"),
        ("CONV_2D", ["FLOAT32"], ["FLOAT32"], "FLOAT32", "float32"),
        ("CONV_2D", ["FLOAT32"], ["FLOAT32"], "INT4", "hybrid"),
        ("FULLY_CONNECTED", ["INT16"], ["INT16"], "INT8", "int16"),
        ("QUANTIZE", ["FLOAT32"], ["INT8"], None, "conversion"),
        ("ARG_MAX", ["FLOAT32"], ["INT64"], None, "mixed"),
        ("SHAPE", [], ["INT32"], None, "int32"),
        ("CALL_ONCE", [], [], None, "mixed"),
    ],
)
def test_arithmetic(op, inputs, outputs, weights, expected):
    assert arithmetic(op, inputs, outputs, weights) == expected


def test_conversions_count_neither_as_int8_nor_as_float():
    kinds = ["conversion", "int8", "uint8", "hybrid", "float32"]
    assert integer_share(kinds) == 2 / 4
    assert integer_share(["conversion"]) is None
    assert float_operations(list(zip("abcde", kinds, strict=True))) == {"d": 1, "e": 1}
