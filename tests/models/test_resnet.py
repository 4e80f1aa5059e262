import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.models.resnet import DEPTHS


def test_parameters_and_macs_of_depth_8():
    # Convolutions without bias: stem 3*3*3*16 = 432; stage 1: 2 of 9*16*16 = 2,304; stage 2: 9*16*32 = 4,608,
    # 9*32*32 = 9,216, shortcut 16*32 = 512; stage 3: 9*32*64 = 18,432, 9*64*64 = 36,864, shortcut 32*64 = 2,048.
    convolutions = 432 + 2 * 2_304 + (4_608 + 9_216 + 512) + (18_432 + 36_864 + 2_048)
    # Batch normalization, 4 a channel: 3 of 16, 3 of 32, 3 of 64. The last layer: 64*10 + 10.
    num_parameters = convolutions + 4 * 3 * (16 + 32 + 64) + 650
    # Output positions: 32*32, then 16*16, then 8*8.
    num_macs = 1024 * (432 + 2 * 2_304) + 256 * (4_608 + 9_216 + 512) + 64 * (18_432 + 36_864 + 2_048) + 640
    figures = tfc.measure(tfc.resnet(8))
    assert (figures.num_parameters, figures.num_macs) == (num_parameters, num_macs) == (78_714, 12_501_632)


def test_a_deeper_one_has_more_of_the_same_blocks():
    # Each of 2 further blocks a stage: two convolutions 9*c*c and two normalizations 4*c, c = 16, 32, 64.
    further = 2 * sum(2 * 9 * channels**2 + 2 * 4 * channels for channels in (16, 32, 64))
    assert tfc.measure(tfc.resnet(20)).num_parameters == 78_714 + further == 274_042


@pytest.mark.parametrize("depth", [8, 20, 32])
def test_depth_counts_layers_with_weights_on_the_way_from_picture_to_logits(depth):
    kinds = [
        type(layer).__name__ for layer in tfc.resnet(depth).layers if not layer.name.endswith(("_shortcut", "_bn"))
    ]
    assert kinds.count("Conv2D") + kinds.count("Dense") == depth


@pytest.mark.parametrize("depth", [0, 7, 18, 50, 8.5, "20", None])
def test_another_depth_is_refused(depth):
    with pytest.raises(tfc.InvalidValue, match=r"^resnet.depth must be one of \(8, 14, 20, .*Use 8 for a small model"):
        tfc.resnet(depth)


def test_all_depths_are_6n_plus_2():
    assert [depth % 6 for depth in DEPTHS] == [2] * len(DEPTHS)


def test_it_gives_logits_for_other_pictures_and_classes():
    model = tfc.resnet(8, (16, 12, 1), num_classes=3)
    outputs = model(np.random.default_rng(0).normal(size=(5, 16, 12, 1)).astype("float32")).numpy()
    assert outputs.shape == (5, 3)
    assert outputs.min() < 0
    assert model.optimizer is None
