"""What channel criteria want to know beside the weights, measured on training examples: gradients, activations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ...backend.tensorflow import keras, tf
from ...data.sampling import sampled_batches
from ...measuring.outputs import taken_by

if TYPE_CHECKING:
    from ...core.types import Data
    from ...fitting.objective import Objective
    from ...graph.dependencies import ChannelGraph

BATCH_SIZE = 32


def gradients(model: Any, objective: Objective, num_examples: int) -> Iterator[dict[tuple[str, int], np.ndarray]]:
    """For each batch the gradient of the loss by (layer, position of the weight)."""
    variables = {
        (layer.name, position): weight
        for layer in model.layers
        for position, weight in enumerate(layer.weights)
        if weight.dtype.is_floating
    }

    @tf.function
    def step(inputs: Any, targets: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(list(variables.values()))
            value = objective.loss(targets, model(inputs, training=False))
        return tape.gradient(value, list(variables.values()))

    for inputs, targets in objective.batches(model, num_examples, BATCH_SIZE):
        found = step(inputs, targets)
        yield {
            key: tf.convert_to_tensor(gradient).numpy()
            for key, gradient in zip(variables, found, strict=True)
            if gradient is not None  # moving averages have none
        }


def activations(
    model: Any, graph: ChannelGraph, data: Data, num_examples: int
) -> Iterator[dict[tuple[str, int, int], np.ndarray]]:
    """For each batch the mean absolute value of each channel where a kernel reads it, by (layer, position, axis)."""
    readers = {}
    for axis in graph.axes:
        layer = model.get_layer(axis.layer)
        tensor = layer.inbound_nodes[0].input_tensors if axis.role == "takes" else None
        if tensor is None or isinstance(tensor, (list, tuple)) or len(axis.groups) not in tensor.shape[1:]:
            continue
        place = 1 if getattr(layer, "data_format", None) == "channels_first" else len(tensor.shape) - 1
        if tensor.shape[place] == len(axis.groups):
            readers[axis.layer, axis.position, axis.axis] = (tensor, place)
    look = keras.Model(model.inputs, [tensor for tensor, _ in readers.values()])
    for stored, _ in sampled_batches(data, num_examples, BATCH_SIZE):
        found = tf.nest.flatten(look(taken_by(model, data, stored), training=False))
        yield {
            key: np.abs(values).mean(axis=tuple(i for i in range(values.ndim) if i != place))
            for (key, (_, place)), values in zip(readers.items(), (tensor.numpy() for tensor in found), strict=True)
        }
