"""Cross-layer equalization: scales moved between consecutive layers, so that one fits all channels of a kernel."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ...core.errors import NothingHappened, expect
from ...core.remarks import remark
from ...core.types import SPARSITY, Promise
from ...graph.homogeneous import activation_role, role, without_bound
from ...graph.network import Network, is_channels_last, kernel_of
from ...graph.rebuilding import rebuilt
from .folding import fold, say_what_is_left

if TYPE_CHECKING:
    import numpy as np

MAKERS = frozenset({"Conv1D", "Conv2D", "DepthwiseConv2D", "Dense"})
CLOSE_ENOUGH = 1e-3  # a scale so near to 1 moves nothing that int8 resolves


@dataclasses.dataclass(frozen=True)
class Pair:
    """Two layers, of which the second alone reads the first's channels; `bounded` are the ReLU6 on the way."""

    first: Any
    second: Any
    bounded: tuple[Any, ...] = ()

    @property
    def name(self) -> str:
        """For the report."""
        return f"{self.first.name} -> {self.second.name}"


def pairs(model: Any, owner: str = "Equalize") -> tuple[Pair, ...]:
    """The pairs of `model` in its order: convolution, depthwise or dense layers with nothing but ReLU, padding,
    pooling, dropout or flattening between them.

    Raises:
      UnsupportedModel: in the name of `owner`, for a quantization-aware model, and for one without a graph.
    """
    network = Network(model, owner)
    found = (_pair(network, layer) for layer in network.layers())
    return tuple(pair for pair in found if pair is not None)


def _pair(network: Network, first: Any) -> Pair | None:
    if not _can_be_scaled(network, first):
        return None
    bounded = []
    between = activation_role(first.activation)
    layer = first
    while between != "other":
        if between == "relu6":
            bounded.append(layer)
        call = network.only_call(layer)
        layer = network.only_reader(call) if call is not None else None
        if layer is None:
            return None
        if _can_be_scaled(network, layer):
            return Pair(first, layer, tuple(bounded)) if getattr(layer, "groups", 1) == 1 else None
        between = role(layer)
    return None


def _can_be_scaled(network: Network, layer: Any) -> bool:
    return (
        type(layer).__name__ in MAKERS
        and kernel_of(layer) is not None
        and network.only_call(layer) is not None
        and is_channels_last(layer)
    )


def output_ranges(layer: Any) -> np.ndarray:
    """The largest magnitude of the kernel for each output channel, shape (channels,)."""
    import numpy as np

    kernel = np.abs(kernel_of(layer).numpy())
    return kernel.max(axis=(0, 1)).ravel() if _is_depthwise(layer) else kernel.reshape(-1, kernel.shape[-1]).max(axis=0)


def input_ranges(layer: Any, num_channels: int) -> np.ndarray:
    """The largest magnitude of the kernel for each input channel, shape (channels,).

    A dense layer that reads flattened images has several inputs to a channel.
    """
    import numpy as np

    kernel = np.abs(kernel_of(layer).numpy())
    if _is_depthwise(layer):
        return kernel.max(axis=(0, 1, 3))
    return kernel.reshape(-1, num_channels, kernel.shape[-1]).max(axis=(0, 2))


def scales(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """What the first layer's channels are divided by, and the second's multiplied: s = sqrt(r1 / r2).

    Both ranges become sqrt(r1 r2), which makes largest the sum over channels of their precisions, r1 / max r1 times
    r2 / max r2. A channel that one side does not have at all (range 0) stays as it is.

    >>> import numpy as np
    >>> scales(np.array([8.0, 1.0, 0.0]), np.array([2.0, 4.0, 1.0])).tolist()
    [2.0, 0.5, 1.0]
    """
    import numpy as np

    known = (first > 0) & (second > 0)
    return np.where(known, np.sqrt(np.where(known, first, 1) / np.where(known, second, 1)), 1.0).astype(np.float32)


def equalize_pair(pair: Pair) -> np.ndarray:
    """Rescales both layers in place; gives the scales, shape (channels,), all 1 when they were equal already."""
    ranges = output_ranges(pair.first)
    s = scales(ranges, input_ranges(pair.second, len(ranges)))
    kernel = kernel_of(pair.first)
    kernel.assign(kernel.numpy() / (s.reshape(kernel.shape[-2:]) if _is_depthwise(pair.first) else s))
    if pair.first.use_bias:
        pair.first.bias.assign(pair.first.bias.numpy() / s)
    kernel = kernel_of(pair.second)
    if _is_depthwise(pair.second):
        kernel.assign(kernel.numpy() * s[:, None])
    else:
        by_channel = kernel.numpy().reshape(-1, len(s), kernel.shape[-1]) * s[:, None]
        kernel.assign(by_channel.reshape(kernel.shape))
    return s


def _is_depthwise(layer: Any) -> bool:
    return type(layer).__name__ == "DepthwiseConv2D"


@dataclasses.dataclass(frozen=True)
class Equalize:
    """Moves scales between consecutive layers, so that the channels of each kernel come to have equal ranges.

    As ReLU(s x) = s ReLU(x), the output channel i of a layer can be divided, and the input channel i of the next
    multiplied, by s_i = sqrt(r1_i / r2_i), where r1_i and r2_i are the channel's largest magnitudes in the two kernels;
    both then have sqrt(r1_i r2_i). It is repeated over all pairs until nothing moves. The model's float outputs stay
    the same; what is gained shows in files with one scale for a kernel (`Int8(per_channel=False)`), as many
    accelerators want them. Batch normalization is folded before.

    Args:
      replace_relu6: whether ReLU6 between two layers becomes ReLU, which changes outputs where it was at its bound; if
        not, such pairs are left as they are, and named. Defaults to False.
      num_rounds: over all pairs, at most, at least 1. Defaults to 50.

    Raises:
      InvalidValue: for a value out of range.
      UnsupportedModel: for a quantization-aware model, and for one without a graph.
      NothingHappened: when there is no pair, or all have equal ranges.

    Example:

    >>> Equalize(replace_relu6=True)
    Equalize(replace_relu6=True, num_rounds=50)

    Reference: Nagel, van Baalen, Blankevoort and Welling, "Data-free quantization through weight equalization and bias
    correction", 2019, section 4.1, https://arxiv.org/abs/1906.04721
    """

    takes: ClassVar[Literal["nothing"]] = "nothing"

    replace_relu6: bool = False
    num_rounds: int = 50

    def __post_init__(self) -> None:
        whole = isinstance(self.num_rounds, int) and self.num_rounds >= 1
        expect(whole, self, "num_rounds", "must be a whole number of at least 1", "Use 50.")
        expect(isinstance(self.replace_relu6, bool), self, "replace_relu6", "must be True or False", "Use False.")

    @property
    def makes(self) -> frozenset[str]:
        """Nothing that a file could be held to."""
        return frozenset()

    @property
    def keeps(self) -> frozenset[str]:
        """Zeros; clusters are multiplied apart, channel by channel."""
        return frozenset({SPARSITY})

    def promises(self, model: Any) -> tuple[Promise, ...]:
        """None."""
        return ()

    def apply(self, model: Any) -> Any:
        """Gives an equalized copy of `model`, batch normalization folded."""
        folded = fold(model, "Equalize")
        made = folded.model
        found = pairs(made)
        bounded = tuple(pair for pair in found if pair.bounded and not self.replace_relu6)
        chosen = tuple(pair for pair in found if pair not in bounded)
        replaced = {layer.name: layer for pair in chosen for layer in pair.bounded}
        for layer in replaced.values():
            without_bound(layer)
        moved = equalize(chosen, self.num_rounds)
        if not moved:
            raise NothingHappened(_nothing(found, bounded))
        if replaced:
            made = rebuilt(made, {})  # nothing may remember the activations that there were
        widest = max(moved, key=moved.__getitem__)
        remark(
            f"{len(moved)} of {len(found)} pairs of layers were equalized; a channel of {widest} was scaled most, by "
            f"{moved[widest]:.3g}."
        )
        if replaced:
            remark(f"ReLU6 became ReLU in {', '.join(replaced)}.")
        if bounded:
            listed = ", ".join(pair.name for pair in bounded)
            remark(f"Left as they are, for the ReLU6 between them (replace_relu6=True): {listed}.")
        say_what_is_left(folded)
        return made


def equalize(chosen: tuple[Pair, ...], num_rounds: int) -> Mapping[str, float]:
    """Equalizes pairs in place, round by round; gives by pair the largest factor that a channel was scaled by."""
    import numpy as np

    logarithms = {pair.name: np.zeros(1) for pair in chosen}
    for _ in range(num_rounds):
        steps = {pair.name: np.log(equalize_pair(pair)) for pair in chosen}
        logarithms = {name: logarithms[name] + step for name, step in steps.items()}
        if max((np.abs(step).max() for step in steps.values()), default=0.0) < CLOSE_ENOUGH:
            break
    largest = {name: float(np.abs(total).max()) for name, total in logarithms.items()}
    return {name: math.exp(total) for name, total in largest.items() if total >= CLOSE_ENOUGH}


def _nothing(found: tuple[Pair, ...], bounded: tuple[Pair, ...]) -> str:
    wants = (
        "Equalize expects two convolution, depthwise or dense layers in a row, with ReLU, padding, pooling or nothing "
    )
    wants += "between them."
    if bounded:
        listed = ", ".join(pair.name for pair in bounded)
        return f"{wants} Received: pairs with ReLU6 between them ({listed}). Use replace_relu6=True."
    if found:
        return f"{wants} Received: pairs whose channels have equal ranges already. Leave this stage out."
    return f"{wants} Received: no such pair. Leave this stage out, or use AdaptiveRounding."
