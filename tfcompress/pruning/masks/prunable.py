"""The kernels that masks of our own are laid on, by name, and the share of zeros that is wanted of each."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ...backend.calls import calls
from ...backend.tensorflow import is_quantization_aware, keras
from ...core.errors import UnsupportedModel
from ...core.selection import PerLayer, by_layer
from ...measuring.measure import kernel_variables, leaf_layers

# A depthwise kernel holds few weights and loses much by each: it is left whole unless it is named.
PRUNED_KINDS = ("kernel", "pointwise_kernel", "recurrent_kernel", "embeddings")


@dataclasses.dataclass(frozen=True)
class PrunableKernel:
    """A kernel: its name as measuring/measure.py has it, its layer, its variable, and whether it makes an output."""

    name: str
    layer: Any
    variable: Any
    makes_output: bool

    @property
    def output_axis(self) -> int:
        """Where the kernel counts its filters."""
        transposed = isinstance(self.layer, keras.layers.Conv2DTranspose | keras.layers.Conv3DTranspose)
        return -2 if transposed or isinstance(self.layer, keras.layers.Conv1DTranspose) else -1

    @property
    def kind(self) -> str:
        """The part of the name after the layer's, without the number that tells several of a kind apart."""
        return self.name.rpartition("/")[2].rstrip("_0123456789")

    @property
    def has_filters(self) -> bool:
        """Whether each entry along the output axis makes one channel of the output, and no other does."""
        layers = keras.layers
        convolutions: tuple[Any, ...] = (layers.Conv1D, layers.Conv2D, layers.Conv3D, layers.Conv1DTranspose)
        convolutions += (layers.Conv2DTranspose, layers.Conv3DTranspose)
        depthwise = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)
        separable = (layers.SeparableConv1D, layers.SeparableConv2D)
        if isinstance(self.layer, depthwise):
            return False
        if isinstance(self.layer, separable):
            return self.kind == "pointwise_kernel"
        return isinstance(self.layer, (layers.Dense, *convolutions))

    @property
    def may_lose_filters(self) -> bool:
        """Whether filters of it can go without an output of the model going with them."""
        return self.has_filters and not self.makes_output

    @property
    def filter_bias(self) -> Any:
        """The bias that goes with the filters, None where there is none."""
        return getattr(self.layer, "bias", None) if self.has_filters else None


def prunable_kernels(model: Any, owner: str, depthwise: bool = False) -> dict[str, PrunableKernel]:
    """All kernels of `model`, by name.

    Args:
      model: a float model.
      owner: who asks, for errors.
      depthwise: whether depthwise kernels alone are enough. Defaults to False.

    Raises:
      UnsupportedModel: when there are none, or the model is quantization-aware.
    """
    if is_quantization_aware(model):
        raise UnsupportedModel(f"{owner} expects a float model. Received: a quantization-aware one. Prune before it.")
    at_the_end = output_layers(model)
    found = {
        name: PrunableKernel(name, layer, variable, layer.name in at_the_end)
        for layer in leaf_layers(model)
        for name, variable in ((f"{layer.name}/{kind}", variable) for kind, variable in kernel_variables(layer).items())
    }
    if not any(depthwise or prunable.kind in PRUNED_KINDS for prunable in found.values()):
        types = ", ".join(sorted({type(layer).__name__ for layer in leaf_layers(model)}))
        raise UnsupportedModel(
            f"{owner} expects a layer with a kernel ({', '.join(PRUNED_KINDS)}). Received: {types}. "
            "Give a model with Dense, convolutional, recurrent or embedding layers."
        )
    return found


def output_layers(model: Any) -> set[str]:
    """Names of the layers whose kernels make the outputs: no kernel comes after them."""
    found: set[str] = set()
    wanted = {id(tensor) for tensor in model.outputs}
    for call in reversed(calls(model)):
        if wanted.isdisjoint(id(tensor) for tensor in call.outputs):
            continue
        if isinstance(call.layer, keras.Model):
            makers = output_layers(call.layer)
        else:
            makers = {call.layer.name} if kernel_variables(call.layer) else set()
        found |= makers
        if not makers:
            wanted.update(id(tensor) for tensor in call.inputs)
    return found


def layers_of(found: Mapping[str, PrunableKernel]) -> dict[str, Any]:
    """The layers that the kernels `found` belong to, by name."""
    return {prunable.layer.name: prunable.layer for prunable in found.values()}


def named_shares(found: Mapping[str, PrunableKernel], per_layer: PerLayer[float], owner: str) -> dict[str, float]:
    """The share that `per_layer` asks for of each kernel whose layer it selects.

    Raises:
      InvalidValue: for a selector that matches no layer.
    """
    by_name = by_layer(layers_of(found), None, per_layer, f"{owner}.per_layer", "layers with kernels")
    shares = {name: by_name[prunable.layer.name] for name, prunable in found.items()}
    return {name: share for name, share in shares.items() if share is not None}
