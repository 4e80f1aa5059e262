"""Networks for benchmarks/channel_removal.py that are in no package: a U-Net, a DenseNet-BC, a transformer, an LSTM."""

from __future__ import annotations

from typing import Any

from tfcompress.backend.tensorflow import keras

layers = keras.layers


def unet(size: int = 128, width: int = 16) -> Any:
    """Three levels down and up, with skips (Ronneberger et al., 2015)."""
    x = inputs = keras.Input((size, size, 3))
    skips = []
    for level in range(3):
        skips.append(x := _twice(x, width * 2**level))
        x = layers.MaxPooling2D()(x)
    x = _twice(x, width * 8)
    for level in reversed(range(3)):
        x = layers.Conv2DTranspose(width * 2**level, 2, strides=2)(x)
        x = _twice(layers.Concatenate()([x, skips[level]]), width * 2**level)
    return keras.Model(inputs, layers.Conv2D(4, 1)(x), name="U-Net")


def _twice(x: Any, filters: int) -> Any:
    for _ in range(2):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    return x


def densenet_bc(depth: int = 40, growth: int = 12) -> Any:
    """DenseNet-BC for 32x32 images (Huang et al., 2017): bottlenecks, and transitions that halve the channels."""
    x = inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(2 * growth, 3, padding="same", use_bias=False)(x)
    for block in range(3):
        for _ in range((depth - 4) // 6):
            y = _activated_convolution(x, 4 * growth, 1)
            x = layers.Concatenate()([x, _activated_convolution(y, growth, 3)])
        if block < 2:
            x = layers.AveragePooling2D()(_activated_convolution(x, x.shape[-1] // 2, 1))
    x = layers.GlobalAveragePooling2D()(layers.ReLU()(layers.BatchNormalization()(x)))
    return keras.Model(inputs, layers.Dense(10)(x), name=f"DenseNet-BC-{depth}")


def _activated_convolution(x: Any, filters: int, size: int) -> Any:
    x = layers.ReLU()(layers.BatchNormalization()(x))
    return layers.Conv2D(filters, size, padding="same", use_bias=False)(x)


def transformer(length: int = 64, width: int = 64, heads: int = 8, blocks: int = 3) -> Any:
    """An encoder that classifies texts (Vaswani et al., 2017)."""
    x = inputs = keras.Input((length,), dtype="int32")
    x = layers.Embedding(1000, width)(x)
    for _ in range(blocks):
        y = layers.MultiHeadAttention(heads, width // heads)(x, x)
        x = layers.LayerNormalization()(layers.Add()([x, y]))
        y = layers.Dense(width)(layers.Dense(4 * width, activation="gelu")(x))
        x = layers.LayerNormalization()(layers.Add()([x, y]))
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(inputs, layers.Dense(5)(x), name="transformer encoder")


def lstm(length: int = 64) -> Any:
    """A bidirectional LSTM over another's steps (Hochreiter and Schmidhuber, 1997)."""
    x = inputs = keras.Input((length,), dtype="int32")
    x = layers.Embedding(1000, 48)(x)
    x = layers.Bidirectional(layers.LSTM(32, return_sequences=True))(x)
    x = layers.Dense(32, activation="relu")(layers.LSTM(40)(x))
    return keras.Model(inputs, layers.Dense(5)(x), name="LSTM")
