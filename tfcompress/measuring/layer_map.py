"""From Keras layers to what the converter made of them: names in a .tflite are paths with a layer's name inside."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from . import tflite


@dataclasses.dataclass(frozen=True)
class LayerOp:
    """An operation with a kernel: its number in the file, its name, the tensor it gives, and the Keras layer it is."""

    number: int
    op: str
    output: str
    kernel: str
    layer: str | None  # None where no name has it


def layer_ops(path: Path, layers: Collection[str]) -> tuple[LayerOp, ...]:
    """The operations with kernels of the first graph of a .tflite, each with the Keras layer that it computes.

    Args:
      path: the file.
      layers: names of the Keras model's layers.

    Raises:
      UnreadableModel: when the file is no whole .tflite.
    """
    return tflite.look_into(path, lambda model: _layer_ops(model, frozenset(layers)))


def layer_in(name: str, layers: Collection[str]) -> str | None:
    """The layer whose name is a part of a tensor's name; the last one, as layers within layers come later.

    >>> layer_in("resnet8/stem_relu/Relu;resnet8/stem/Conv2D1", {"stem", "stem_relu"})
    'stem'
    >>> layer_in("quant_model/quant_logits/MatMul", {"logits"})
    'logits'
    """
    parts = [part.removeprefix("quant_") for part in re.split(r"[/;]", name)]
    return next((part for part in reversed(parts) if part in layers), None)


def _layer_ops(model: Any, layers: frozenset[str]) -> tuple[LayerOp, ...]:
    graph = model.subgraphs[0]
    found = []
    for number, operator in enumerate(graph.operators):
        op = tflite.op_name(model.operatorCodes[operator.opcodeIndex])
        position = tflite.KERNEL_INPUT.get(op)
        if position is None:
            continue
        kernel = tflite.text_of(graph.tensors[operator.inputs[position]].name)
        output = tflite.text_of(graph.tensors[operator.outputs[0]].name)
        # The kernel's name is surer: an output's may be that of an activation that was fused into it.
        found.append(LayerOp(number, op, output, kernel, layer_in(kernel, layers) or layer_in(output, layers)))
    return tuple(found)
