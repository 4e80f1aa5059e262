"""Any quantizer on any kernels: what a number of bits would cost, before there is an exporter that writes it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ..backend.tensorflow import is_quantization_aware, keras
from ..core.errors import NothingHappened, UnsupportedModel, expect
from ..core.remarks import remark
from ..core.selection import PerLayer, by_layer, expect_selectors
from ..core.types import SPARSITY, Promise
from ..measuring.measure import kernel_variables, leaf_layers
from ..models_io.copying import copy_model
from .quantizers.affine import Affine
from .quantizers.quantizer import Quantizer, error

if TYPE_CHECKING:
    import numpy as np


def channel_axes(layer: Any, kind: str) -> tuple[int, ...]:
    """The axes of a kernel that TFLite gives scales of their own; `kind` is the last part of the kernel's name."""
    layers = keras.layers
    if kind.startswith("embeddings"):
        return ()
    if kind.startswith("depthwise_kernel"):
        return (-2, -1)
    transposed = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
    return (-2,) if isinstance(layer, transposed) else (-1,)


@dataclasses.dataclass(frozen=True)
class QuantizeKernels:
    """Replaces each kernel by what a quantizer makes of it; the model stays a float model, and is not trained.

    w <- dequantize(quantize(w)), so that its outputs are those of a file with such kernels and float activations; the
    file itself is smaller only with an exporter that knows the levels, or by `save_packed` when they are few.

    Args:
      quantizer: `Affine`, `Codebook`, `PiecewiseLinear`, or a `Quantizer` of your own. Defaults to `Affine()`, which is
        int8 as TFLite has it.
      per_layer: other quantizers by selectors of layers (core/selection.py), None to leave a layer whole.

    Raises:
      InvalidValue: for what is no quantizer.

    Example:

    >>> QuantizeKernels(Affine(bits=4), per_layer={"logits": Affine(bits=8), "conv1": None}).quantizer.bits
    4

    Reference: Nagel et al., "A white paper on neural network quantization", 2021, https://arxiv.org/abs/2106.08295
    """

    takes: ClassVar[Literal["nothing"]] = "nothing"

    quantizer: Quantizer = Affine()
    per_layer: PerLayer[Quantizer | None] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        fix = "Use Affine(bits=4)."
        expect(isinstance(self.quantizer, Quantizer), self, "quantizer", "must be a quantizer", fix)
        expect_selectors(self, "per_layer")
        known = all(each is None or isinstance(each, Quantizer) for each in self.per_layer.values())
        expect(known, self, "per_layer", "must hold quantizers, or None", fix)

    @property
    def makes(self) -> frozenset[str]:
        """Nothing that a file could be held to."""
        return frozenset()

    @property
    def keeps(self) -> frozenset[str]:
        """Zeros, when they are a level of every quantizer."""
        used = [self.quantizer, *(each for each in self.per_layer.values() if each is not None)]
        return frozenset({SPARSITY}) if all(each.keeps_zero for each in used) else frozenset()

    def promises(self, model: Any) -> tuple[Promise, ...]:
        """None."""
        return ()

    def apply(self, model: Any) -> Any:
        """Gives a copy of `model` with quantized kernels.

        Raises:
          InvalidValue: for NaN or infinity in a kernel, and for a selector of `per_layer` that matches no layer.
          UnsupportedModel: when the model has no kernel, or is quantization-aware.
          NothingHappened: when `per_layer` leaves all layers whole.
        """
        chosen = self._chosen(model)
        ratios = {}
        copy = copy_model(model)
        for layer in leaf_layers(copy):
            for kind, variable in kernel_variables(layer).items():
                name = f"{layer.name}/{kind}"
                if name in chosen:
                    found, quantizer, axes = chosen[name]
                    variable.assign(quantizer.approximate(found, axes, name))
                    ratios[name] = error(found, variable.numpy()).sqnr_db
        worst, best = min(ratios, key=ratios.__getitem__), max(ratios, key=ratios.__getitem__)
        remark(
            f"signal to quantization noise is from {ratios[worst]:.1f} dB ({worst}) to {ratios[best]:.1f} dB ({best})."
        )
        return copy

    def _chosen(self, model: Any) -> dict[str, tuple[np.ndarray, Quantizer, tuple[int, ...]]]:
        """The kernels to quantize by name: their values, the quantizer, and the axes of their channels."""
        if is_quantization_aware(model):
            raise UnsupportedModel(
                "QuantizeKernels expects a float model. Received: a quantization-aware one. Use it before, or instead."
            )
        layers = {layer.name: layer for layer in leaf_layers(model) if kernel_variables(layer)}
        if not layers:
            found = ", ".join(sorted({type(layer).__name__ for layer in leaf_layers(model)}))
            raise UnsupportedModel(
                f"QuantizeKernels expects a layer with a kernel. Received: {found}. Give a model with Dense, "
                "convolutional, recurrent or embedding layers."
            )
        quantizers = by_layer(
            layers, self.quantizer, self.per_layer, "QuantizeKernels.per_layer", "layers with kernels"
        )
        chosen = {
            f"{name}/{kind}": (variable.numpy(), quantizers[name], channel_axes(layer, kind))
            for name, layer in layers.items()
            for kind, variable in kernel_variables(layer).items()
            if quantizers[name] is not None
        }
        if not chosen:
            raise NothingHappened(
                "QuantizeKernels expects a kernel to quantize. Received: per_layer that leaves all of them whole "
                f"({', '.join(layers)}). Take a selector out."
            )
        return chosen
