import numpy as np
import pytest

import tfcompress as tfc


def test_parameters_and_macs_of_width_2():
    # Convolutions without bias: the stem 9*3*2, then in each of three stages 9*c_in*c and twice 9*c*c, c = 4, 8, 16.
    stages = [9 * before * after + 2 * 9 * after**2 for before, after in ((2, 4), (4, 8), (8, 16))]
    # Batch normalization, 4 a channel, one for the stem and three a stage; the last layer has 16*10 + 10.
    num_parameters = 54 + sum(stages) + 4 * (2 + 3 * (4 + 8 + 16)) + 170
    # A stage's first convolution comes before its pooling, the two of the residual after it.
    first = [9 * before * after * side**2 for before, after, side in ((2, 4, 32), (4, 8, 16), (8, 16, 8))]
    residual = [2 * 9 * channels**2 * side**2 for channels, side in ((4, 16), (8, 8), (16, 4))]
    num_macs = 54 * 1024 + sum(first) + sum(residual) + 160
    figures = tfc.measure(tfc.fast_resnet(2))
    assert (figures.num_parameters, figures.num_macs) == (num_parameters, num_macs)


def test_it_gives_logits_for_other_pictures_and_classes():
    model = tfc.fast_resnet(2, (16, 24, 1), num_classes=3)
    outputs = model(np.random.default_rng(0).normal(size=(5, 16, 24, 1)).astype("float32")).numpy()
    assert outputs.shape == (5, 3)
    assert np.abs(outputs.sum(axis=-1) - 1).min() > 1e-3  # no probabilities
    assert model.optimizer is None


@pytest.mark.parametrize("width", [0, -1])
def test_a_width_below_one_is_refused(width):
    with pytest.raises(tfc.InvalidValue, match=r"^fast_resnet.width must be at least 1. Received: .*Use 32"):
        tfc.fast_resnet(width)
