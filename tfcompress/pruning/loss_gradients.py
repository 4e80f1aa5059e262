"""The gradient of the loss that a compiled model trains by, over examples of its training data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..backend.tensorflow import tf
from ..core.contracts import data_in
from ..core.errors import InvalidRecipe
from ..core.types import Data, Fit

if TYPE_CHECKING:
    import numpy as np

    from ..fitting.objective import Objective

BATCH_SIZE = 64


def data_of(fit: Fit, owner: str) -> Data:
    """What `fit`, or the fit that it wraps, trains on. Raises `InvalidRecipe` when it does not say."""
    data = data_in(fit)
    if data is not None:
        return data
    raise InvalidRecipe(
        f"{owner} expects a fit that says what it trains on. Received: {type(fit).__name__} without `data`. "
        "Use KerasFit, or give your own fit a field `data`."
    )


def loss_gradients(
    model: Any, variables: Mapping[str, Any], objective: Objective, num_examples: int
) -> dict[str, np.ndarray]:
    """The mean gradient of the loss of `model`, compiled, by the name of each variable.

    The examples are spread evenly over the training split. Batch normalisation uses its running statistics, and metrics
    are left as they were.

    Raises:
      InvalidRecipe: under a strategy of several replicas.
    """
    import numpy as np

    replicas = model.distribute_strategy.num_replicas_in_sync
    if replicas > 1:  # variables of the metrics cannot be set outside of a replica
        raise InvalidRecipe(
            f"Scores from gradients expect a training on one device. Received: a strategy of {replicas} replicas. Use "
            "--strategy none, or a score of the weights alone."
        )
    names = list(variables)
    sums = {name: np.zeros(variables[name].shape) for name in names}
    metrics = {id(variable): variable.numpy() for metric in model.metrics for variable in metric.variables}
    total = 0
    for inputs, targets in objective.batches(model, num_examples, BATCH_SIZE):
        count = len(tf.nest.flatten(inputs)[0])
        with tf.GradientTape() as tape:
            loss = model.compute_loss(inputs, targets, model(inputs, training=False))
        for name, gradient in zip(names, tape.gradient(loss, [variables[name] for name in names]), strict=True):
            if gradient is not None:  # a weight that the outputs do not depend on
                sums[name] += tf.convert_to_tensor(gradient).numpy() * count
        total += count
    for variable in (variable for metric in model.metrics for variable in metric.variables):
        variable.assign(metrics.get(id(variable), tf.zeros_like(variable)))  # Keras makes those of the loss when asked
    return {name: values / total for name, values in sums.items()}
