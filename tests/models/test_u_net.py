import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.core.errors import InvalidValue


@pytest.mark.parametrize("up", ["transposed", "nearest"])
def test_gives_a_number_for_each_pixel_and_class(up):
    model = tfc.u_net((16, 24, 3), 4, width=2, levels=2, up=up)
    assert model.output_shape == (None, 16, 24, 4)
    kinds = {type(layer) for layer in model.layers}
    assert (keras.layers.Conv2DTranspose in kinds) == (up == "transposed")


def test_fine_features_go_round_the_coarse_ones():
    """Without the coarse levels' kernels an output still depends on its own pixel."""
    model = tfc.u_net((8, 8, 1), width=2, levels=2)
    model.get_layer("bottom_conv1").kernel.assign(0 * model.get_layer("bottom_conv1").kernel)
    pixels = np.random.default_rng(0).random((1, 8, 8, 1)).astype("float32")
    assert np.ptp(model(pixels)) > 0


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"input_shape": (12, 16, 1)}, "divisible by 8"),
        ({"input_shape": (16, 16, 1), "up": "cubic"}, "transposed or nearest"),
    ],
)
def test_what_cannot_be_built_is_refused(how, message):
    with pytest.raises(InvalidValue, match=message):
        tfc.u_net(**how)
