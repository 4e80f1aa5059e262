"""Ranges of activations that are right after a hundred steps, where tfmot's take thousands.

tfmot follows each activation's minimum and maximum with a moving average of decay 0.999 that starts at -6 and 6, and
without correcting for that start: after 500 steps 60 % of a range is still the arbitrary start, and a short training
ends with ranges that waste most of int8's levels. Here the first steps are averaged plainly instead, which is what the
bias correction of a moving average amounts to (Kingma and Ba, "Adam", 2015, section 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...backend.tensorflow import keras, tf, wrappers

DECAY = 0.999  # tfmot's, of quant_ops.MovingAvgQuantize
NUM_STEPS = 100  # averaged plainly; then tfmot's own moving average goes on


def plain_average(before: float, after: float, step: int) -> float:
    """The mean of the first `step` observations, from that of the first `step - 1`.

    Args:
      before: the mean of the earlier observations (anything when `step` is 1).
      after: what tfmot made of it, `DECAY * before + (1 - DECAY) * observation`.
      step: number of this observation, from 1.

    >>> round(plain_average(before=6.0, after=DECAY * 6.0 + (1 - DECAY) * 2.0, step=1), 6)
    2.0
    """
    observation = (after - DECAY * before) / (1 - DECAY)
    return before + (observation - before) / step


def activation_ranges(model: Any) -> tuple[list[Any], list[Any]]:
    """The variables that hold the minima, and those that hold the maxima, which tfmot follows by a moving average.

    Not among them: the ranges of weights, which are exact at every step, and of the model's inputs (`QuantizeLayer`),
    for which tfmot keeps the extremes of all values seen.
    """
    minima, maxima = [], []
    for layer in wrappers(model):
        of_weights = {id(variable) for _, _, variables in layer._weight_vars for variable in variables.values()}
        own = [variable for variable in layer.variables if id(variable) not in of_weights]
        minima += [variable for variable in own if variable.name.endswith("_min:0")]
        maxima += [variable for variable in own if variable.name.endswith("_max:0")]
    return minima, maxima


def average_plainly(model: Any, kept: Sequence[Any] = ()) -> Any:
    """A Keras callback that averages the ranges of `model` plainly over the first `NUM_STEPS` steps of a fit.

    A training that was cut off goes on with it: what it counts, and the variables `kept`, are kept beside the model.
    """
    minima, maxima = activation_ranges(model)
    variables = [*minima, *maxima]
    # In float64, as the ranges' own float32 would round the mean of each step.
    means = tf.Variable([float(variable.numpy()) for variable in variables], dtype=tf.float64, trainable=False)
    num_steps = tf.Variable(0, dtype=tf.int64, trainable=False)

    def correct(batch: int, logs: Any = None) -> None:
        if (step := int(num_steps.numpy()) + 1) > NUM_STEPS:
            return
        num_steps.assign(step)
        after = [float(variable.numpy()) for variable in variables]
        found = [plain_average(old, new, step) for old, new in zip(means.numpy().tolist(), after, strict=True)]
        # The observations are min(x, 0) and max(x, 0), so that zero is a level; rounding must not push them past it.
        lows = [min(mean, 0.0) for mean in found[: len(minima)]]
        highs = [max(mean, 0.0) for mean in found[len(minima) :]]
        means.assign([*lows, *highs])
        for variable, mean in zip(variables, [*lows, *highs], strict=True):
            variable.assign(mean)

    callback = keras.callbacks.LambdaCallback(on_train_batch_end=correct)
    callback.kept_variables = [means, num_steps, *kept]
    callback.resumed = lambda done, epochs, history: None  # all of its state is in the variables
    return callback
