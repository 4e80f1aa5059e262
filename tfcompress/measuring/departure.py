"""Where a file's numbers first leave those of the Keras model: layer by layer, by names in the file."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from ..backend.tensorflow import keras
from ..core.tasks.metrics import closeness
from .file_run import FileRun, in_order
from .outputs import output_specs

if TYPE_CHECKING:
    import numpy as np

MOST_NUMBERS = 1 << 24  # of what all layers give for all examples


@dataclasses.dataclass(frozen=True)
class Departure:
    """The layer and the operation of the file whose output is the first below a limit, and the layer before it."""

    layer: str
    op: str
    sqnr_db: float
    before: str = ""
    before_db: float = math.nan

    def __str__(self) -> str:
        found = f"layer {self.layer!r} ({self.op}), {self.sqnr_db:.1f} dB"
        return f"{found}, after {self.before!r} with {self.before_db:.1f} dB" if self.before else found


def first_departure(
    content: bytes, model: Any, examples: Mapping[str, np.ndarray], limit_db: float
) -> Departure | None:
    """The first layer of `model` that the file computes with less than `limit_db` of SQNR, centred over the examples.

    What a layer gives is the last operation that its name is the first part of, or an output of the file. Layers whose
    names the file has lost, that are called more than once, or give the same for each example, are passed over.

    Args:
      content: of the file.
      model: a functional tf_keras model.
      examples: (N, ...) of each input, as the model takes them, by names in its order.
      limit_db: in decibels.

    Returns:
      None where no layer can be named.
    """
    run = FileRun(content, keeps_all=True, forgets=True)
    layers, found = layer_tensors(run, model)
    sizes = [math.prod(axis or 1 for axis in layers[name].output.shape[1:]) for name in found]
    count = min(len(next(iter(examples.values()))), MOST_NUMBERS // max(1, sum(sizes)))
    if count < 2:
        return None
    some = {name: array[:count] for name, array in examples.items()}
    outputs = keras.Model(model.inputs, [layers[name].output for name in found])(list(some.values()), training=False)
    exact = dict(zip(found, outputs if isinstance(outputs, list) else [outputs], strict=True))
    given = run.tensors(some, [index for _, index in found.values()])
    before, before_db = "", math.nan
    for name, (op, index) in found.items():
        expected = exact[name].numpy()
        if expected.dtype.kind != "f" or expected.size != given[index].size:
            continue
        decibels = closeness(expected, given[index].reshape(expected.shape)).sqnr_db
        if decibels == -math.inf:
            continue
        if not decibels >= limit_db:
            return Departure(name, op, decibels, before, before_db)
        before, before_db = name, decibels
    return None


def layer_tensors(run: FileRun, model: Any) -> tuple[dict[str, Any], dict[str, tuple[str, int]]]:
    """What the layers of `model` give, as the file has it: the last operation that a layer's name is the first part of.

    Args:
      run: of the file.
      model: a functional tf_keras model.

    Returns:
      The layers that give one tensor, by name; and of those that the file names, the operation and the number of its
      tensor, in the file's order. An output of the file is the layer's that gives the model's.
    """
    layers = {_plain(layer.name): layer for layer in model.layers if _gives_one_tensor(layer)}
    found: dict[str, tuple[str, int]] = {}
    ends = in_order(run.output_indices(), [spec.name for spec in output_specs(model)])
    makers = [_plain(tensor.node.layer.name) for tensor in model.outputs]
    last = dict(zip(ends.values(), makers, strict=True))
    for op, name, index in run.operations():
        layer = _named_first(name, layers) or last.get(index)
        layer = layer if layer in layers else None
        if layer:
            found.pop(layer, None)  # the last one counts, and where it stands
            found[layer] = op, index
    return layers, found


def _gives_one_tensor(layer: Any) -> bool:
    once = len(layer.inbound_nodes) == 1 and not isinstance(layer, keras.layers.InputLayer)
    return once and hasattr(layer.output, "shape") and hasattr(layer.output, "dtype")


def _plain(name: str) -> str:
    return name.removeprefix("quant_")


def _named_first(tensor: str, layers: Collection[str]) -> str | None:
    """The layer in the first of the names that a tensor has: the others are those of what was fused into it.

    >>> _named_first("resnet8/stem_relu/Relu;resnet8/stem/Conv2D1", {"stem", "stem_relu"})
    'stem_relu'
    """
    parts = [_plain(part) for part in re.split("/", tensor.partition(";")[0])]
    return next((part for part in reversed(parts) if part in layers), None)
