"""Cell membranes in pictures of an electron microscope, a small U-Net."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image

import tfcompress as tfc

TASK, DATA = "binary segmentation", "membrane: 24 + 6 pictures in tiles of 128 x 128"
EPOCHS = 5
SIDE = 128
WHY = {
    "distilled": "channels with negative weights went, and their share is not moved into the last layer's bias; "
    "fine-tuning ended before the bias was there. Keras's smallest probability is 0.502, which names every pixel class "
    "1, and int8 rounds it to the threshold: the two differ there, and the file is the better one"
}


def read(folder: Path, smoke: bool) -> tuple[Any, Any]:
    """Tiles (N, 128, 128, 1) of pixels and of classes; each fifth picture is for the test."""
    root = folder / "segmentation" / "membrane"
    numbers = sorted(int(path.stem) for path in (root / "image").glob("*.png"))
    splits = []
    for chosen in ([n for n in numbers if n % 5 != 4], [n for n in numbers if n % 5 == 4]):
        pixels = np.concatenate([_tiles(root / "image" / f"{number}.png") for number in chosen])
        masks = np.concatenate([_tiles(root / "label" / f"{number}.png") for number in chosen])
        few = slice(16 if smoke else None)
        splits.append((pixels[few], (masks[few] > 127).astype("uint8")))
    return splits[0], splits[1]


def _tiles(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("L"))
    count = pixels.shape[0] // SIDE
    cut = pixels.reshape(count, SIDE, count, SIDE).swapaxes(1, 2)
    return cut.reshape(-1, SIDE, SIDE, 1)


def trained(train: Any, smoke: bool) -> Any:
    """A U-Net of three levels, trained on the tiles and their mirror images."""
    layers = keras.layers

    def block(x: Any, filters: int) -> Any:
        for _ in range(2):
            x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)))
        return x

    inputs = keras.Input((SIDE, SIDE, 1), name="picture")
    x = layers.Rescaling(1 / 255)(inputs)
    kept = []
    for filters in (8, 16, 32):
        x = block(x, filters)
        kept.append(x)
        x = layers.MaxPooling2D()(x)
    x = block(x, 64)
    for filters in (32, 16, 8):
        x = layers.Conv2DTranspose(filters, 2, strides=2)(x)
        x = block(layers.Concatenate()([x, kept.pop()]), filters)
    model = keras.Model(inputs, layers.Conv2D(1, 1, activation="sigmoid", name="membrane")(x), name="u_net")

    pixels, masks = (np.concatenate([part, part[:, :, ::-1], part[:, ::-1]]) for part in train)
    epochs = 1 if smoke else 12
    rate = keras.optimizers.schedules.CosineDecay(3e-3, epochs * (len(pixels) // 16))
    model.compile(keras.optimizers.Adam(rate), "binary_crossentropy")
    model.fit(pixels.astype("float32"), masks.astype("float32"), batch_size=16, epochs=epochs, verbose=2)
    return model


def compress(model: Any, train: Any, test: Any, techniques: Any, epochs: int, **how: Any) -> tfc.Compressed:
    """The user's code."""
    # user code
    data = tfc.dataset(train, test, task=tfc.Segmentation(), title="membrane")
    fit = tfc.KerasFit(data, epochs, batch_size=8, learning_rate=tfc.CosineDecay(3e-3), optimizer="adam")
    return tfc.compress(model, data, techniques, fit=fit, **how)
    # end of user code
