"""Whether `QuantizeAware`, which leaves in float what tfmot refuses, takes a model: it is tried on a copy."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from ...core.errors import UnsupportedModel
from ...quantization.training.aware import QuantizeAware
from ...quantization.training.coverage import gaps
from ..values import NO, PARTLY, YES, Support
from .quantizable import cause


@dataclasses.dataclass(frozen=True)
class _NoTraining:
    """A way of fitting that trains nothing."""

    steps: int = 0

    def __call__(self, model: Any, callbacks: Sequence[Any] = ()) -> None:
        """Leaves `model` as it is."""


def layerwise_support(model: Any) -> tuple[Support, Mapping[str, str]]:
    """Whether `QuantizeAware` takes `model`, and by layer why it stays in float.

    >>> from tfcompress.backend.tensorflow import keras
    >>> inputs = keras.Input((5, 4))
    >>> model = keras.Model(inputs, keras.layers.SimpleRNN(3, name="memory")(keras.layers.Dense(4)(inputs)))
    >>> support, left = layerwise_support(model)
    >>> support.status, list(left)
    ('partly', ['memory'])
    """
    left = gaps(model)
    try:
        QuantizeAware().apply(model, _NoTraining())
    except UnsupportedModel as error:
        return Support(NO, str(error)), left
    except Exception as error:  # whatever tfmot and Keras raise over a graph: the layer is not supported
        return Support(NO, cause(error)), left
    return Support(PARTLY if left else YES), left
