"""Batch normalization folded into the layer before it: the same function, with fewer layers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ...backend.tensorflow import keras
from ...core.errors import NothingHappened
from ...core.remarks import remark
from ...core.types import SPARSITY, Promise
from ...graph.network import Network, is_channels_last, kernel_of
from ...graph.rebuilding import Path, rebuilt

if TYPE_CHECKING:
    import numpy as np


@dataclasses.dataclass(frozen=True)
class Folded:
    """A model after folding: the normalizations that went, and why the others stayed, by name."""

    model: Any
    gone: tuple[str, ...]
    left: Mapping[str, str]


def fold(model: Any, owner: str) -> Folded:
    """A copy of `model` in which each BatchNormalization after a convolution or a dense layer is part of that layer.

    Raises:
      UnsupportedModel: in the name of `owner`, for a quantization-aware model, and for one without a graph.
    """
    network = Network(model, owner)
    pairs: dict[Any, Any] = {}
    left: dict[str, str] = {}
    for norm in network.layers():
        if isinstance(norm, keras.Model):
            left |= {
                layer.name: f"is in the nested model {norm.name!r}"
                for layer in norm.layers
                if isinstance(layer, keras.layers.BatchNormalization)
            }
        elif isinstance(norm, keras.layers.BatchNormalization):
            found = _before(network, norm)
            if isinstance(found, str):
                left[norm.name] = found
            else:
                pairs[norm] = found
    settings: dict[str, dict[Path, Any]] = {layer.name: {("use_bias",): True} for layer in pairs.values()}
    made = rebuilt(model, settings, dropped=[norm.name for norm in pairs])
    for norm, layer in pairs.items():
        twin = made.get_layer(layer.name)
        gain, shift = gain_and_shift(norm)
        kernel_of(twin).assign(kernel_of(layer).numpy() * _along_outputs(layer, gain))
        twin.bias.assign(shift + (gain * layer.bias.numpy() if layer.use_bias else 0.0))
    return Folded(made, tuple(norm.name for norm in pairs), left)


def gain_and_shift(norm: Any) -> tuple[np.ndarray, np.ndarray]:
    """Batch normalization as y = gain x + shift, both of shape (channels,), in float32.

    gain = gamma / sqrt(variance + epsilon), shift = beta - gain * mean, in the order in which TFLite's converter
    multiplies.
    """
    import numpy as np

    gamma = np.float32(1) if norm.gamma is None else norm.gamma.numpy()
    beta = np.float32(0) if norm.beta is None else norm.beta.numpy()
    gain = gamma / np.sqrt(norm.moving_variance.numpy() + np.float32(norm.epsilon))
    return gain, beta - gain * norm.moving_mean.numpy()


def _along_outputs(layer: Any, gain: np.ndarray) -> np.ndarray:
    """The gain in a shape that multiplies the layer's kernel output by output."""
    if type(layer).__name__ == "DepthwiseConv2D":
        return gain.reshape(kernel_of(layer).shape[-2:])
    return gain[:, None] if type(layer).__name__ == "Conv2DTranspose" else gain


def _before(network: Network, norm: Any) -> Any | str:
    """The layer that a normalization can be folded into, or why there is none."""
    call = network.only_call(norm)
    if call is None:
        return "is called more than once"
    (layer,) = network.makers(call)
    if kernel_of(layer) is None:
        return f"comes after {layer.name!r}, a {type(layer).__name__}"
    makes = network.only_call(layer)
    if makes is None or network.only_reader(makes) is not norm:
        return f"is not the only one that reads {layer.name!r}"
    if layer.activation is not keras.activations.linear:
        return f"comes after the activation of {layer.name!r}"
    axes = norm.axis if isinstance(norm.axis, (list, tuple)) else [norm.axis]
    num_dimensions = len(layer.output_shape)
    if not is_channels_last(layer) or [axis % num_dimensions for axis in axes] != [num_dimensions - 1]:
        return "has its channels along another axis than the last"
    return layer


@dataclasses.dataclass(frozen=True)
class FoldBatchNorm:
    """Makes each BatchNormalization part of the convolution or dense layer before it; the outputs stay the same.

    With g = gamma / sqrt(variance + epsilon), shape (channels,): W <- W * g along the output channels, and
    b <- beta + (b - mean) * g. TFLite's converter does the same on its way; it is done here where a method needs the
    kernels that the file will have. A normalization that does not follow such a layer directly stays, and the report
    names it. The model can be trained further, but without normalization.

    Raises:
      UnsupportedModel: for a quantization-aware model, and for one without a graph.
      NothingHappened: when there is nothing to fold.

    Example:

    >>> sorted(FoldBatchNorm().keeps)
    ['sparsity']

    Reference: Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only
    inference", 2018, section 3.2, https://arxiv.org/abs/1712.05877
    """

    takes: ClassVar[Literal["nothing"]] = "nothing"

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
        """Gives a folded copy of `model`."""
        folded = fold(model, "FoldBatchNorm")
        if not folded.gone:
            listed = "; ".join(f"{name} {reason}" for name, reason in folded.left.items()) or "none at all"
            raise NothingHappened(
                "FoldBatchNorm expects a BatchNormalization directly after a convolution or a dense layer. "
                f"Received: {listed}. Leave this stage out."
            )
        remark(f"{len(folded.gone)} BatchNormalization layers are folded into the layers before them.")
        say_what_is_left(folded)
        return folded.model


def say_what_is_left(folded: Folded) -> None:
    """A remark about normalizations that could not be folded."""
    if folded.left:
        listed = "; ".join(f"{name} {reason}" for name, reason in folded.left.items())
        remark(f"Not folded: {listed}.")
