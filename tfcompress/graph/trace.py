"""What a walk over a model's graph has found of the channels of each tensor; graph/dependencies.py does the walk."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..backend.calls import Call
from ..backend.tensorflow import keras, tf
from .atoms import Atoms, Channels


@dataclasses.dataclass(frozen=True, eq=False)
class TracedCall(Call):
    """A call with the channels of each of its inputs (None: unknown)."""

    channels: Sequence[Channels | None]

    @property
    def rank(self) -> int:
        """Axes of the first input, the batch included."""
        return len(self.inputs[0].shape)


class Tracer:
    """What a walk has found: atoms, the atoms along each axis of each weight, and the numbers in configurations.

    Args:
      model: a functional model.
      reads_weights: whether the second row of values is found from the weights as they are.
    """

    def __init__(self, model: Any, reads_weights: bool = False):
        self.model, self.reads_weights = model, reads_weights
        self.atoms = Atoms()
        self.outputs: dict[str, np.ndarray] = {}
        self.axes: dict[tuple[str, int, int], tuple[str, str, np.ndarray]] = {}
        self.settings: dict[tuple[str, tuple[str | int, ...]], tuple[np.ndarray, tuple[int, ...]]] = {}
        self.live: set[int] = set()  # atoms of channels that are read as something else than zero
        self.activated: dict[Any, np.ndarray] = {}  # of activations
        self._own: dict[str, np.ndarray] = {}
        self._functions: dict[tuple[str, ...], Callable[[Any], Any]] = {}
        self._positions: dict[str, dict[int, int]] = {}  # of each variable in its layer's weights

    def pinned(self, tensor: Any, reason: str, axis: int = -1) -> Channels | None:
        """New channels of a tensor that nobody may remove; None when it has no axis of a known length."""
        rank = len(tensor.shape)
        axis = axis % rank if rank else 0
        if rank < 2 or axis == 0 or tensor.shape[axis] is None:
            return None
        atoms = self.atoms.fresh(int(tensor.shape[axis]), reason)
        return Channels(axis, atoms, np.full((2, len(atoms)), np.nan))

    def pin(self, channels: Channels | None, reason: str) -> None:
        """Forbids the removal of these channels."""
        if channels is not None:
            self.atoms.pin(channels.atoms, reason)

    def unknown(self, call: TracedCall, reason: str = "") -> list[Channels | None]:
        """Gives up on a call: its inputs and outputs are pinned, and the reason names the layer."""
        reason = reason or f"{call} is one that the graph of channels cannot follow"
        for channels in call.channels:
            self.pin(channels, reason)
        return [self.pinned(tensor, reason) for tensor in call.outputs]

    def along(self, call: TracedCall, axis: int, number: int = 0) -> Channels:
        """The channels of an input along `axis`; those along another one are pinned, and new ones made."""
        channels, tensor = call.channels[number], call.inputs[number]
        axis = axis % len(tensor.shape)
        if channels is not None and channels.axis == axis:
            return channels
        reason = f"{call} mixes along another axis than that of the channels"
        self.pin(channels, reason)
        found = self.pinned(tensor, reason, axis)
        if found is None:
            raise Untraceable(f"{call} has an axis of channels without a known length")
        return found

    def own(self, layer: Any, count: int, key: str = "") -> np.ndarray:
        """The atoms of the channels that a layer makes: the same at each of its calls."""
        name = f"{layer.name}/{key}"
        if name not in self._own:
            self._own[name] = self.atoms.fresh(count)
        self.outputs.setdefault(layer.name, self._own[name])
        return self._own[name]

    def weight(self, layer: Any, variable: Any, axis: int, role: str, atoms: np.ndarray) -> None:
        """Notes which atoms lie along an axis of a weight; those of a second call are coupled to the first's."""
        if variable is None:
            return
        if layer.name not in self._positions:
            self._positions[layer.name] = {id(weight): index for index, weight in enumerate(layer.weights)}
        position = self._positions[layer.name][id(variable)]
        kind = variable.name.split(":")[0].split("/")[-1]
        key = (layer.name, position, axis % len(variable.shape))
        if key in self.axes:
            self.atoms.unite(self.axes[key][2], atoms)
        else:
            self.axes[key] = (kind, role, atoms)

    def setting(self, layer: Any, path: tuple[str | int, ...], atoms: np.ndarray, parts: tuple[int, ...] = ()) -> None:
        """Notes a number in the layer's configuration that counts these channels."""
        if (layer.name, path) in self.settings:
            self.atoms.unite(self.settings[layer.name, path][0], atoms)
        self.settings[layer.name, path] = (atoms, parts)

    def function(self, layer: Any) -> Callable[[Any], Any]:
        """What a layer without weights computes: one and the same function for layers with the same settings."""
        settings = (f"{name}={value}" for name, value in layer.get_config().items() if name != "name")
        return self._functions.setdefault((type(layer).__name__, *settings), layer.call)

    def read(self, call: TracedCall, channels: Channels, kernel: Any = None, axis: int = 0) -> None:
        """Has a call read channels, with `kernel` along `axis`; those not 0 when zeroed are pinned."""
        zeroed, actual = channels.values
        wrong = ~(zeroed == 0)
        if wrong.any():
            value = zeroed[wrong][0]
            read = "something else than 0" if np.isnan(value) else f"{value:.3g}"
            self.atoms.pin(channels.atoms[wrong], f"{call} would read {read} where the channel is zeroed")
        if self.reads_weights:
            seen = ~(actual == 0)
            if kernel is not None:
                seen &= ~_zero_along(kernel, axis)
            self.live.update(channels.atoms[seen].tolist())

    def made(self, atoms: np.ndarray, kernel: Any = None, axis: int = 0, bias: Any = None) -> np.ndarray:
        """Values of channels that a kernel has just made: 0 when zeroed, the bias where the kernel is zero."""
        values = np.zeros((2, len(atoms)))
        if self.reads_weights:
            zero = _zero_along(kernel, axis)
            values[1] = np.where(zero, 0.0 if bias is None else bias.numpy().ravel(), np.nan)
        return values


class Untraceable(Exception):
    """A call that a handler finds it cannot follow."""


def _zero_along(variable: Any, axis: int) -> np.ndarray:
    values = variable.numpy()
    return ~np.any(values, axis=tuple(i for i in range(values.ndim) if i != axis % values.ndim))


def applied(
    function: Callable[[Any], Any] | None, values: np.ndarray, known: dict[Any, np.ndarray] | None = None
) -> np.ndarray:
    """An element-wise function of values; NaN stays NaN. `known` keeps results: a network has a few functions only."""
    if function is None or function is keras.activations.linear:
        return values
    known = {} if known is None else known
    unique, places = np.unique(values, return_inverse=True)
    key = (function, unique.tobytes())
    if key not in known:
        results = np.asarray(function(tf.constant(unique, tf.float32)), float)
        known[key] = np.where(np.isnan(unique), np.nan, results)
    return known[key][places].reshape(values.shape)
