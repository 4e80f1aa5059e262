import numpy as np
import pytest

import tfcompress as tfc


def test_parameters_and_macs():
    # Width 16. Stem 3*3*3*16 = 432. Blocks, depthwise 9*in and pointwise in*out: 16 -> 32, 32 -> 64, 64 -> 64,
    # 64 -> 128, 128 -> 128.
    blocks = [(16, 32), (32, 64), (64, 64), (64, 128), (128, 128)]
    convolutions = 432 + sum(9 * before + before * after for before, after in blocks)
    # Batch normalization, 4 a channel, after each of these; the last layer 128*10 + 10.
    num_parameters = convolutions + 4 * (16 + sum(before + after for before, after in blocks)) + 1_290
    # Output positions: 32*32 up to the second depthwise, then 16*16, from the fourth depthwise on 8*8.
    positions = [1024, 256, 256, 64, 64]
    num_macs = (
        1024 * 432
        + 1_280
        + sum(size * (9 * before + before * after) for size, (before, after) in zip(positions, blocks, strict=True))
    )
    figures = tfc.measure(tfc.mobile_cnn())
    assert (figures.num_parameters, figures.num_macs) == (num_parameters, num_macs) == (38_634, 4_592_896)


def test_small_pictures_in_grey():
    # As above with a stem of 3*3*1*16 = 144 and a sixteenth of the positions.
    figures = tfc.measure(tfc.mobile_cnn((8, 8, 1)))
    assert figures.num_parameters == 38_634 - 288
    assert figures.num_macs == (4_592_896 - 1024 * 432 - 1_280) // 16 + 64 * 144 + 1_280 == 269_824


def test_every_convolution_has_batch_normalization_and_relu_after_it():
    kinds = [type(layer).__name__ for layer in tfc.mobile_cnn((8, 8, 1), width=4).layers]
    triple = ["BatchNormalization", "ReLU"]
    block = ["DepthwiseConv2D", *triple, "Conv2D", *triple]
    assert kinds == ["InputLayer", "Conv2D", *triple, *5 * block, "GlobalAveragePooling2D", "Dense"]


def test_it_gives_logits_for_other_pictures_and_classes():
    model = tfc.mobile_cnn((16, 12, 3), width=2, num_classes=5)
    outputs = model(np.random.default_rng(0).normal(size=(3, 16, 12, 3)).astype("float32")).numpy()
    assert outputs.shape == (3, 5)
    assert outputs.min() < 0
    assert model.optimizer is None


@pytest.mark.parametrize("width", [0, -1, 1.5, "16"])
def test_a_bad_width_is_refused(width):
    with pytest.raises(tfc.InvalidValue, match="^mobile_cnn.width must be a whole number .*Use 16"):
        tfc.mobile_cnn(width=width)
