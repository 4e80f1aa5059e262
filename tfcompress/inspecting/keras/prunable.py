"""Whether `PruneLowMagnitude` would make zeros in a layer, or why not."""

from __future__ import annotations

from typing import Any

from ...backend.tensorflow import is_quantization_aware
from ...measuring.measure import kernel_variables, leaf_layers
from ...pruning.magnitude import PRUNABLE
from ..values import NO, NOTHING_TO_DO, PARTLY, YES, Support

_DEPTHWISE = "tfmot accepts depthwise kernels and does not prune them"


def pruning_support(model: Any) -> dict[str, Support]:
    """By layer, whether magnitude pruning takes it.

    >>> from tfcompress.backend.tensorflow import keras
    >>> inputs = keras.Input((8, 8, 3))
    >>> model = keras.Model(inputs, keras.layers.DepthwiseConv2D(3, name="depthwise")(inputs))
    >>> pruning_support(model)["depthwise"].status
    'no'
    """
    aware = is_quantization_aware(model)
    return {layer.name: _support(layer, aware) for layer in leaf_layers(model)}


def _support(layer: Any, aware: bool) -> Support:
    if not kernel_variables(layer):
        return Support(NOTHING_TO_DO)
    kind = type(layer).__name__
    if aware:
        return Support(NO, "is quantization-aware already; prune before")
    if kind.startswith("SeparableConv"):
        return Support(PARTLY, f"the pointwise kernel alone: {_DEPTHWISE}")
    if kind in PRUNABLE:
        return Support(YES)
    if "Depthwise" in kind:
        return Support(NO, _DEPTHWISE)
    if kind in ("Bidirectional", "TimeDistributed"):
        return Support(NO, "tfmot cannot wrap a wrapper")
    if kind == "Hosted":
        return Support(NO, "Keras 3 computes it, out of tfmot's sight")
    return Support(NO, "not in tfmot's registry")
