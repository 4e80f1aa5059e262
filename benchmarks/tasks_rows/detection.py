"""Cells in blood: a detector of centre points with two outputs, its own losses, and its own metric."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tf_keras as keras

import tfcompress as tfc
from tfcompress.backend.tensorflow import tf

from . import bccd

TASK, DATA = "detection, two outputs", "bccd: 292 + 72 pictures of 256 x 192"
EPOCHS = 4
WIDTH, HEIGHT, STRIDE = 256, 192, 4
SCALE = WIDTH / bccd.WIDTH
USUAL = 32.0  # pixels: sizes are told as the logarithm of what they are of this


def read(folder: Path, smoke: bool) -> tuple[Any, Any]:
    """Pictures, and by output a heatmap (48, 64, 3) and boxes (48, 64, 5), the last number being 1 at centres."""
    train = _split(folder, "trainval", 12 if smoke else None)
    mirrored = _split(folder, "trainval", 12 if smoke else None, mirror=True)
    both = np.concatenate([train[0], mirrored[0]])
    targets = {name: np.concatenate([train[1][name], mirrored[1][name]]) for name in train[1]}
    return (both, targets), _split(folder, "test", 4 if smoke else None)


def _split(folder: Path, split: str, limit: int | None, mirror: bool = False) -> tuple[np.ndarray, dict[str, Any]]:
    seen, heatmaps, boxes = [], [], []
    for picture in bccd.pictures(folder, split, limit):
        pixels = picture.pixels((0, 0, bccd.WIDTH, bccd.HEIGHT), (WIDTH, HEIGHT))
        cells = picture.boxes * SCALE
        if mirror:
            pixels, cells = (
                pixels[:, ::-1],
                np.stack([WIDTH - cells[:, 2], cells[:, 1], WIDTH - cells[:, 0], cells[:, 3]], 1),
            )
        heatmap, box = _targets(cells, picture.kinds)
        seen.append(pixels)
        heatmaps.append(heatmap)
        boxes.append(box)
    return np.stack(seen), {"heatmap": np.stack(heatmaps), "box": np.stack(boxes)}


def _targets(cells: np.ndarray, kinds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.mgrid[: HEIGHT // STRIDE, : WIDTH // STRIDE]
    heatmap = np.zeros((*rows.shape, len(bccd.KINDS)), "float32")
    box = np.zeros((*rows.shape, 5), "float32")
    for (x0, y0, x1, y1), kind in zip(cells, kinds, strict=True):
        width, height = max(x1 - x0, 2.0), max(y1 - y0, 2.0)
        x, y = (x0 + x1) / 2 / STRIDE, (y0 + y1) / 2 / STRIDE
        column, row = min(int(x), rows.shape[1] - 1), min(int(y), rows.shape[0] - 1)
        spread = max(0.8, min(width, height) / STRIDE / 6)
        peak = np.exp(-((columns - column) ** 2 + (rows - row) ** 2) / (2 * spread**2))
        heatmap[..., kind] = np.maximum(heatmap[..., kind], peak)
        box[row, column] = x - column, y - row, np.log(width / USUAL), np.log(height / USUAL), 1
    return heatmap, box


def focal(targets: Any, outputs: Any) -> Any:
    """CornerNet's focal loss on Gaussians, of each picture: Law and Deng, 2018, https://arxiv.org/abs/1808.01244."""
    given = tf.clip_by_value(outputs, 1e-4, 1 - 1e-4)
    at_centre = tf.cast(targets >= 1, given.dtype)
    hit = at_centre * (1 - given) ** 2 * tf.math.log(given)
    other = (1 - at_centre) * (1 - targets) ** 4 * given**2 * tf.math.log(1 - given)
    return -tf.reduce_sum(hit + other, (1, 2, 3)) / tf.maximum(tf.reduce_sum(at_centre, (1, 2, 3)), 1)


def box_error(targets: Any, outputs: Any) -> Any:
    """L1 of offsets and logarithms of sizes at the centres, of each picture."""
    there = targets[..., 4:]
    error = tf.reduce_sum(tf.abs(targets[..., :4] - outputs) * there, (1, 2, 3))
    return error / tf.maximum(tf.reduce_sum(there, (1, 2, 3)), 1)


def trained(train: Any, smoke: bool) -> Any:
    """The detector, trained on pictures and their mirror images."""
    layers = keras.layers

    def conv(x: Any, filters: int, size: int = 3, strides: int = 1) -> Any:
        x = layers.Conv2D(filters, size, strides, padding="same", use_bias=False)(x)
        return layers.ReLU()(layers.BatchNormalization()(x))

    inputs = keras.Input((HEIGHT, WIDTH, 3), name="picture")
    x = conv(layers.Rescaling(1 / 127.5, -1)(inputs), 16, strides=2)
    quarter = conv(conv(x, 32, strides=2), 32)
    eighth = conv(conv(quarter, 64, strides=2), 64)
    x = conv(conv(eighth, 96, strides=2), 96)
    for beside, filters in ((eighth, 64), (quarter, 32)):
        x = layers.UpSampling2D()(conv(x, filters, 1))
        x = conv(layers.Add()([x, beside]), filters)
    prior = keras.initializers.Constant(-2.19)  # few places are centres
    heatmap = layers.Conv2D(3, 1, activation="sigmoid", bias_initializer=prior, name="heatmap")(conv(x, 32))
    model = keras.Model(inputs, [heatmap, layers.Conv2D(4, 1, name="box")(conv(x, 32))], name="centre_points")

    epochs = 1 if smoke else 16
    rate = keras.optimizers.schedules.CosineDecay(4e-3, epochs * (len(train[0]) // 8))
    model.compile(keras.optimizers.Adam(rate), {"heatmap": focal, "box": box_error})
    model.fit(*train, batch_size=8, epochs=epochs, verbose=2)
    return model


def mean_average_precision(targets: Mapping[str, Any], outputs: Mapping[str, Any]) -> float:
    """mAP at an overlap of one half, the mean over the kinds of the area under precision over recall."""
    return float(np.mean([_precision(targets, outputs, kind) for kind in range(len(bccd.KINDS))]))


def _precision(targets: Mapping[str, Any], outputs: Mapping[str, Any], kind: int) -> float:
    scores, right, count = [], [], 0
    for number in range(len(outputs["heatmap"])):
        rows, columns = np.nonzero(targets["heatmap"][number, ..., kind] >= 1)
        wanted = _boxes(targets["box"][number], rows, columns)
        count += len(wanted)
        free = np.ones(len(wanted), bool)
        for score, box in _found(outputs["heatmap"][number, ..., kind], outputs["box"][number]):
            overlaps = _overlaps(box, wanted) * free
            hit = len(wanted) > 0 and overlaps.max() >= 0.5
            if hit:
                free[overlaps.argmax()] = False
            scores.append(score)
            right.append(hit)
    if not count or not scores:
        return 0.0
    hits = np.cumsum(np.array(right)[np.argsort(-np.array(scores), kind="stable")])
    precision = np.maximum.accumulate((hits / np.arange(1, len(hits) + 1))[::-1])[::-1]
    return float(np.sum(np.diff(hits / count, prepend=0.0) * precision))


def _found(heatmap: np.ndarray, box: np.ndarray, most: int = 60) -> list[tuple[float, np.ndarray]]:
    """(score, box) of the peaks, the surest first; of two that overlap by half the surer one."""
    around = np.pad(heatmap, 1)
    height, width = heatmap.shape
    highest = np.max([around[i : i + height, j : j + width] for i in range(3) for j in range(3)], 0)
    rows, columns = np.nonzero((heatmap >= highest) & (heatmap > 0.03))
    order = np.argsort(-heatmap[rows, columns], kind="stable")[:most]
    boxes = _boxes(box, rows[order], columns[order])
    kept: list[int] = []
    for number in range(len(boxes)):
        if not kept or _overlaps(boxes[number], boxes[kept]).max() < 0.5:
            kept.append(number)
    return [(float(heatmap[rows[order[number]], columns[order[number]]]), boxes[number]) for number in kept]


def _boxes(box: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """x0, y0, x1, y1 in pixels."""
    told = np.asarray(box[rows, columns, :4], "float64")
    centres = (np.stack([columns, rows], 1) + told[:, :2]) * STRIDE
    half = np.exp(np.clip(told[:, 2:], -6, 3)) * USUAL / 2
    return np.concatenate([centres - half, centres + half], 1)


def _overlaps(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union of a box with each of others."""
    sides = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    common = np.prod(np.maximum(sides, 0), 1)
    areas = np.prod(box[2:] - box[:2]) + np.prod(boxes[:, 2:] - boxes[:, :2], 1)
    return common / (areas - common)


def compress(model: Any, train: Any, test: Any, techniques: Any, epochs: int, **how: Any) -> tfc.Compressed:
    """The user's code; the losses and the metric are those that the model was trained with."""
    # user code
    task = tfc.Task(
        loss={"heatmap": focal, "box": box_error},
        metrics=[tfc.Metric("mAP@0.5", mean_average_precision, unit="%")],
    )
    data = tfc.dataset(train, test, task=task, title="bccd")
    fit = tfc.KerasFit(data, epochs, batch_size=8, learning_rate=tfc.CosineDecay(1e-3), optimizer="adam")
    return tfc.compress(model, data, techniques, fit=fit, **how)
    # end of user code
