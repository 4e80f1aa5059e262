"""What replicas see of a batch: each its part; and what is computed of the whole of it, made the same in all of them.

Losses and gradients add up over replicas by themselves. Batch normalization, and the ranges of quantization-aware
training, are functions of the batch that do not: left alone each replica would follow its own part, and with many
replicas of few examples each train another model than one device does.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterator
from typing import Any

from .tensorflow import keras, tf, tfmot, wrappers

_RANGES = ("MovingAvgQuantize", "AllValuesQuantize")  # tfmot's, of activations and of inputs


def num_replicas() -> int:
    """How many replicas share the batch, where this is asked; 1 without a strategy."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def scope_of_strategy(model: Any) -> Any:
    """The scope that `model` was made in; it may be entered again. A context of nothing without a strategy."""
    strategy = model.distribute_strategy
    is_default = type(strategy).__name__.startswith("_Default")
    return contextlib.nullcontext() if is_default else strategy.scope()


def whole_batch(part: Any) -> Any:
    """All replicas' parts of a tensor, (batch, ...), in a step of training; elsewhere `part` itself. Differentiable.

    A sum of parts with zeros where the others' are: TensorFlow's `all_gather` fails in several processes
    ("destinations can not be empty"), and on integers a sum is not everywhere to be had.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return part
    part = tf.convert_to_tensor(part)
    number, size = context.replica_id_in_sync_group, tf.shape(part)[0]
    around = [[number * size, (context.num_replicas_in_sync - 1 - number) * size], *[[0, 0]] * (len(part.shape) - 1)]
    values = tf.cast(part, tf.float32) if part.dtype.is_integer else part
    whole = context.all_reduce("SUM", tf.pad(values, around))
    return tf.cast(tf.ensure_shape(whole, [None, *part.shape[1:]]), part.dtype)


def in_one_replica(function: Callable[[], Any]) -> Any:
    """What `function` gives, computed as a replica would: with this process's own weights, asking no other."""
    strategy = tf.distribute.get_strategy()
    return strategy.experimental_local_results(strategy.run(function))[0]


@contextlib.contextmanager
def statistics_of_whole_batches(model: Any) -> Iterator[None]:
    """While the block lasts, batch normalization and tfmot's ranges in `model` follow whole batches."""
    if num_replicas() == 1:
        yield
        return
    with _shared_moments(model), _shared_ranges() if _has_ranges(model) else contextlib.nullcontext():
        yield


@contextlib.contextmanager
def _shared_moments(model: Any) -> Iterator[None]:
    layers = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
    shared = [_Moments(layer) for layer in layers]
    try:
        yield
    finally:
        for moments in shared:
            moments.end()


class _Moments:
    """Batch normalization over all replicas' inputs, (batch, ..., channels); their parts have equally many examples.

    Keras's own `synchronized=True` takes the variance as a difference of two large numbers, and follows another one
    than the fused kernel does.
    """

    def __init__(self, layer: Any) -> None:
        self.layer, self.was_fused = layer, bool(layer.fused)
        self.alone, self.assign = layer._calculate_mean_and_var, layer._assign_moving_average
        self.num_values: Any = None  # of which each mean is
        layer.fused = False  # the kernel that normalizes and computes statistics at once knows of no other replica
        layer._calculate_mean_and_var, layer._assign_moving_average = self.moments, self.follow

    def end(self) -> None:
        del self.layer._calculate_mean_and_var, self.layer._assign_moving_average
        self.layer.fused = self.was_fused

    def moments(self, inputs: Any, axes: Any, keep_dims: bool, mask: Any = None) -> Any:
        context = tf.distribute.get_replica_context()
        if context is None or mask is not None:
            return self.alone(inputs, axes, keep_dims, mask=mask)
        mean = context.all_reduce("MEAN", tf.reduce_mean(inputs, axes, keepdims=True))
        variance = context.all_reduce("MEAN", tf.reduce_mean(tf.square(inputs - mean), axes, keepdims=True))
        self.num_values = tf.cast(tf.size(inputs) / tf.size(mean), mean.dtype) * context.num_replicas_in_sync
        return (mean, variance) if keep_dims else (tf.squeeze(mean, axes), tf.squeeze(variance, axes))

    def follow(self, variable: Any, value: Any, momentum: Any, inputs_size: Any) -> Any:
        if self.was_fused and variable is self.layer.moving_variance and self.num_values is not None:
            value *= self.num_values / (self.num_values - 1)  # as the fused kernel does: Bessel's correction
        return self.assign(variable, value, momentum, inputs_size)


def _has_ranges(model: Any) -> bool:
    parts = [model, *(layer for layer in model._flatten_layers() if isinstance(layer, keras.Model))]
    return any(wrappers(part) for part in parts)


@contextlib.contextmanager
def _shared_ranges() -> Iterator[None]:
    module = importlib.import_module(tfmot.quantization.keras.quantizers.MovingAverageQuantizer.__module__).quant_ops
    before = {name: getattr(module, name) for name in _RANGES}
    for name, function in before.items():
        setattr(module, name, _range_over_replicas(function))
    try:
        yield
    finally:
        for name, function in before.items():
            setattr(module, name, function)


def _range_over_replicas(alone: Callable[..., Any]) -> Callable[..., Any]:
    """tfmot's operation, whose range first moves by the extremes of all replicas' inputs."""

    def quantize(inputs: Any, min_var: Any, max_var: Any, is_training: Any = True, **others: Any) -> Any:
        context = tf.distribute.get_replica_context()
        if context is None or not is_training or others.get("per_channel"):
            return alone(inputs, min_var, max_var, is_training=is_training, **others)
        extremes = tf.stop_gradient(tf.stack([tf.reduce_min(inputs), tf.reduce_max(inputs)]))
        alone(whole_batch(extremes), min_var, max_var, is_training=True, **others)
        return alone(inputs, min_var, max_var, is_training=False, **others)

    return quantize
