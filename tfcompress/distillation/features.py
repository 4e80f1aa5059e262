"""What layers see: a model asked for its outputs and of some of its layers at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..backend.tensorflow import keras
from ..core.errors import InvalidValue
from ..core.selection import near
from ..measuring.measure import plain_name


def with_features(model: Any, layers: Sequence[str]) -> Any:
    """`model` giving [its outputs, features of the first layer, ...]; it shares the layers, and trains them.

    Args:
      model: a functional model, which may be wrapped by tfmot.
      layers: names as before wrapping.

    Raises:
      InvalidValue: for a name that no layer has; the message names the nearest.
    """
    found = {plain_name(layer): layer for layer in model.layers}
    unknown = next((name for name in layers if name not in found), None)
    if unknown is not None:
        raise InvalidValue(
            f"A loss that compares layers expects names of layers of {model.name!r}. Received: {unknown!r}. "
            f"Near it: {near(unknown, found)}."
        )
    return keras.Model(model.inputs, [*model.outputs, *(found[name].output for name in layers)])
