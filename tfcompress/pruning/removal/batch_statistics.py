"""Batch normalization's statistics, estimated anew after channels have gone: one pass over inputs, no labels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...backend.tensorflow import keras, tf


def estimate_batch_statistics(model: Any, batches: Iterable[Any]) -> int:
    """Sets each moving mean and variance of `model`, in place, to the average over batches of inputs.

    For batches b = 1..n: mean = 1/n sum m_b, variance = 1/n sum v_b, with each layer's inputs normalized by the
    batch's own m_b and v_b as in training, and dropout off.

    Returns:
      The number of layers whose statistics were set; 0 when the model has none, or there were no batches.

    Reference: Sun, Ke, Wei et al., "Precise batch normalization", in Wu and Johnson, "Rethinking 'batch' in batchnorm",
    2021, https://arxiv.org/abs/2105.07576
    """
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable]
    if not layers:
        return 0
    momenta = [layer.momentum for layer in layers]
    others = [layer for layer in model.layers if _acts_in_training(layer)]
    rates = [layer.rate for layer in others]
    sums: list[Any] = []
    count = 0
    try:
        for layer in layers:
            layer.momentum = 0.0  # each batch's own statistics are then what is left in the variables
        for layer in others:
            layer.rate = 0.0

        @tf.function
        def step(inputs: Any) -> Any:
            model(inputs, training=True)

        for inputs in batches:
            step(inputs)
            values = [value.numpy() for layer in layers for value in (layer.moving_mean, layer.moving_variance)]
            sums = [total + value for total, value in zip(sums, values, strict=True)] if sums else values
            count += 1
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
        for layer, rate in zip(others, rates, strict=True):
            layer.rate = rate
    if not count:
        return 0
    for layer, mean, variance in zip(layers, sums[::2], sums[1::2], strict=True):
        layer.moving_mean.assign(mean / count)
        layer.moving_variance.assign(variance / count)
    return len(layers)


def _acts_in_training(layer: Any) -> bool:
    """Whether it is a kind of dropout, which a rate of 0 silences."""
    return isinstance(getattr(layer, "rate", None), float) and "Dropout" in type(layer).__name__
