"""Masks of several classes, some pixels of none: trained, taught by a teacher, and evaluated."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, set_seed
from tfcompress.measuring.evaluation import bound, evaluate, predict, targets_of


@pytest.fixture(scope="module")
def data():
    """Columns of three brightnesses, a class each; the top row does not count, and is brighter than it says."""
    classes = np.random.default_rng(0).integers(0, 3, (32, 1, 8)).repeat(8, 1)
    pixels = (classes * 100 + 20).astype("float32")[..., None] / 255
    masks = classes.astype("uint8")
    masks[:, 0] = 255
    return tfc.dataset((pixels, masks), (pixels[:8], masks[:8]), task=tfc.Segmentation(ignore=255))


def test_pixels_that_do_not_count_are_left_out_of_loss_and_metric_and_a_teacher_helps(data):
    set_seed(0)
    fit = tfc.KerasFit(data, 12, 8, 0.05, optimizer="adam", augment=(tfc.WithMasks(tfc.Flip()),))
    model = tfc.u_net((8, 8, 1), 3, width=4, levels=1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.7  # its averages are to follow within these few steps
    history = fit(model).history["loss"]
    assert history[-1] < 0.3 * history[0]
    task = bound(data.task, model)
    outputs = predict(model, data, data.test)
    targets = targets_of(data, task)
    assert evaluate(task, outputs, targets)["mean IoU"] > 0.9
    student = tfc.u_net((8, 8, 1), 3, width=4, levels=1)
    told = tfc.distilled(tfc.KerasFit(data, 2, 8, 0.05, optimizer="adam"), model)(student).history["loss"]
    assert np.isfinite(told).all() and told[-1] < told[0]
