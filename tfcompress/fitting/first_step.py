"""What Keras makes in the first step of a training, made before it: or the step is traced twice.

A `tf.function` that creates variables is traced once to create them, and again to run (TensorFlow 2.21). The slots of
the optimizer and the metrics that are named and not given are such variables: of a short training, tracing is the most.
"""

from __future__ import annotations

from typing import Any

from ..backend.tensorflow import tf


def make_variables(model: Any, batches: Any) -> None:
    """Makes the variables of the optimizer and the metrics of a compiled model, as its first step would.

    An average of the weights then begins with those before training, whatever callbacks do to them first. All is left
    to the first step under a strategy, for outputs that only a call tells, and where a layer has no weights yet: an
    optimizer knows no variables but those that it was built for.

    Args:
      model: that was compiled, and trained in this process by nobody since.
      batches: the tf.data.Dataset that it is going to be trained on.
    """
    optimizer, outputs = model.optimizer, getattr(getattr(model, "student", model), "output", None)
    # Not `submodules`, which fails on the masks of an LSTM's dropout.
    layers = model._flatten_layers(include_self=False)
    if tf.distribute.has_strategy() or outputs is None or not all(layer.built for layer in layers):
        return
    # The second name is that of Keras's older kind, which a name such as "adam" still gives.
    make_slots = getattr(optimizer, "build", None) or getattr(optimizer, "_create_all_weights", None)
    if make_slots is None:
        return
    make_slots(model.trainable_variables)
    if not model.compiled_loss.built:
        model.compiled_loss.build(outputs)
    spec = batches.element_spec
    targets = spec[1] if isinstance(spec, tuple) and len(spec) > 1 else None
    if isinstance(targets, tf.TensorSpec) and not tf.nest.is_nested(outputs) and not model.compiled_metrics.built:
        model.compiled_metrics.build(outputs, targets)
