"""Layers of a quantization-aware model that do not train, or compute as in inference while it trains.

tfmot's wrapper forgets both: it lists the kernel of a layer with `trainable=False` among its trainable weights (while
its `trainable` still says False), and the call with `training=False` of a BatchNormalization that folds is lost when
tfmot makes the model anew. A call with `training=False` that is not lost reaches the wrapper's own quantizers too, and
their ranges stay where they started. Seen with tfmot 0.8.1.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from ...backend.tensorflow import wrappers

_COMPUTED_AS_IN_INFERENCE = "_tfcompress_computes_as_in_inference"
_OBEYING: dict[type, type] = {}  # the class of a wrapper -> the one that obeys


def obey_trainable(model: Any) -> None:
    """Makes the wrappers of frozen layers list none of their weights as trainable; the order of all stays as it is."""
    for wrapper in wrappers(model):
        kind = type(wrapper)
        if kind not in _OBEYING.values():
            # Of the same name: files name the class, and tfmot's own loads them.
            made = _OBEYING.get(kind) or type(kind.__name__, (_Obeying, kind), {"__module__": kind.__module__})
            _OBEYING[kind] = made
            object.__setattr__(wrapper, "__class__", made)


class _Obeying:
    """Mixed into tfmot's wrapper: its weights are trainable only when its layer is."""

    # of the wrapper beside this one
    layer: Any
    _trainable_weights: list[Any]
    _non_trainable_weights: list[Any]
    _dedup_weights: Callable[[list[Any]], list[Any]]

    @property
    def trainable_weights(self) -> list[Any]:
        return super().trainable_weights if self.layer.trainable else []  # type: ignore[misc]

    @property
    def non_trainable_weights(self) -> list[Any]:
        if self.layer.trainable:
            return super().non_trainable_weights  # type: ignore[misc]
        weights = self._trainable_weights + self.layer.non_trainable_weights + self._non_trainable_weights
        return self._dedup_weights(weights)


def compute_as_in_inference(model: Any, names: Collection[str]) -> None:
    """Makes the layers inside of the wrappers `names` compute as in inference, whatever the model does.

    The wrapper's ranges follow what it gives all the same.
    """
    for wrapper in wrappers(model):
        if wrapper.name in names and not hasattr(wrapper.layer, _COMPUTED_AS_IN_INFERENCE):
            # Keras would track what is set as an attribute.
            object.__setattr__(wrapper.layer, "call", _in_inference(wrapper.layer.call))
            object.__setattr__(wrapper.layer, _COMPUTED_AS_IN_INFERENCE, True)


def computing_as_in_inference(model: Any) -> list[str]:
    """The wrappers of `model`, by name, whose layers compute as in inference."""
    return [wrapper.name for wrapper in wrappers(model) if hasattr(wrapper.layer, _COMPUTED_AS_IN_INFERENCE)]


def _in_inference(call: Callable[..., Any]) -> Callable[..., Any]:
    def still(inputs: Any, training: Any = None, **others: Any) -> Any:  # the wrapper looks for `training` by name
        return call(inputs, training=False, **others)

    return still
