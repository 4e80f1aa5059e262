"""How well each layer's output is kept in a file, all errors of the layers before it included."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

NUM_EXAMPLES = 16
MOST_NUMBERS = 1 << 23  # of what all layers give for all examples


def output_errors(path: Path, model: Any, inputs: Sequence[np.ndarray]) -> dict[int, float]:
    """By the number of a tensor in the file, the centred SQNR in dB against the Keras layer's output that it is.

    Layers whose names the file has lost, or that give something else than one tensor of floats, are left out; so are
    all of a file that does not run by itself, one with a FlexDelegate, say.

    Args:
      path: the file.
      model: that it was made of.
      inputs: (N, ...) of each input as the model sees them, in its order.
    """
    from ..backend.tensorflow import keras
    from ..core.tasks.metrics import closeness
    from ..measuring.departure import layer_tensors
    from ..measuring.file_run import FileRun
    from ..measuring.outputs import input_specs

    if not inputs or len(inputs[0]) < 2:
        return {}
    try:
        run = FileRun(path.read_bytes(), keeps_all=True, forgets=True)
        layers, found = layer_tensors(run, model)
        size = sum(math.prod(axis or 1 for axis in layers[name].output.shape[1:]) for name in found)
        count = min(len(inputs[0]), NUM_EXAMPLES, max(2, MOST_NUMBERS // max(1, size)))
        names = [spec.name for spec in input_specs(model)]
        some = {name: array[:count] for name, array in zip(names, inputs, strict=True)}
        given = run.tensors(some, [index for _, index in found.values()])
    except (RuntimeError, ValueError):
        return {}
    outputs = keras.Model(model.inputs, [layers[name].output for name in found])(list(some.values()), training=False)
    errors = {}
    for name, exact in zip(found, outputs if isinstance(outputs, list) else [outputs], strict=True):
        expected, seen = exact.numpy(), given[found[name][1]]
        if expected.dtype.kind == "f" and expected.size == seen.size:
            errors[found[name][1]] = float(closeness(expected, seen.reshape(expected.shape)).sqnr_db)
    return errors
