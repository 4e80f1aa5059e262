import numpy as np

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.fitting.kept_zeros import KeptZeros
from tfcompress.measuring.measure import kernels


def test_zeros_stay_and_what_is_none_moves(digits):
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10, name="logits")])
    kernel = model.get_layer("logits").kernel
    mask = np.random.default_rng(0).random(kernel.shape) < 0.5
    kernel.assign(kernel * mask)
    before = kernel.numpy()
    tfc.KerasFit(digits, epochs=1)(model, callbacks=[KeptZeros([kernel])])
    assert ((kernel.numpy() == 0) == ~mask).all() and (kernel.numpy()[mask] != before[mask]).mean() > 0.8
    tfc.KerasFit(digits, epochs=1)(model, callbacks=[KeptZeros([])])
    assert (kernels(model)["logits/kernel"] == 0).mean() < 0.2
