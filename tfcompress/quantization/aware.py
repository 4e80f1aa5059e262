"""Quantization-aware training, by tfmot's `quantize_model`: a model trains with int8's rounding in its answers."""

from __future__ import annotations

import dataclasses
from typing import Any

from ..core.errors import UnsupportedModel, expect
from ..core.keras import copy_model, is_quantization_aware, tfmot
from ..core.measure import kernels, overall_sparsity
from ..core.types import INT8_RANGES, SPARSITY, Fit, Promise
from .ranges import average_plainly


@dataclasses.dataclass(frozen=True)
class QuantizeAware:
    """Makes a model ready for static int8: rounds weights and activations as int8 will, and trains through it.

    x^ = scale * clamp(round(x / scale) + zero_point, -128, 127) - scale * zero_point, the gradient passing straight
    through; weights symmetric (per channel for convolutions, per tensor for Dense), activations asymmetric per tensor.

    Args:
      keep_sparsity: whether zeros in kernels stay zero. None: yes, when the model has some. False lets training fill
        them, and a recipe then refuses to run this after pruning. Defaults to None.

    Example:

    >>> sorted(QuantizeAware().keeps), sorted(QuantizeAware(keep_sparsity=False).keeps)
    (['sparsity'], [])

    Reference: Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only
    inference", 2018, https://arxiv.org/abs/1712.05877
    """

    keep_sparsity: bool | None = None

    def __post_init__(self) -> None:
        expect(
            self.keep_sparsity in (None, True, False), self, "keep_sparsity", "must be None, True or False", "Use None."
        )

    @property
    def makes(self) -> frozenset[str]:
        """Fake quantization, with the ranges that int8 needs."""
        return frozenset({INT8_RANGES})

    @property
    def keeps(self) -> frozenset[str]:
        """Zeros, unless told otherwise."""
        return frozenset() if self.keep_sparsity is False else frozenset({SPARSITY})

    def promises(self, model: Any) -> tuple[Promise, ...]:
        """The ranges."""
        return (Promise(INT8_RANGES),)

    def apply(self, model: Any, fit: Fit) -> Any:
        """Gives a quantization-aware model, trained by `fit`; a static int8 exporter then needs no calibration.

        Raises:
          UnsupportedModel: when tfmot cannot quantize a layer of it, or it is quantization-aware already.
        """
        if is_quantization_aware(model):
            raise UnsupportedModel(
                "QuantizeAware expects a float model. Received: a quantization-aware one. Use it once."
            )
        sparse = overall_sparsity(kernels(model)) > 0 if self.keep_sparsity is None else self.keep_sparsity
        aware = _quantize(copy_model(model), sparse)
        fit(aware, callbacks=[average_plainly(aware)])
        return aware


def _quantize(model: Any, keep_sparsity: bool) -> Any:
    quantization = tfmot.quantization.keras
    try:
        annotated = quantization.quantize_annotate_model(model)
        if keep_sparsity:
            return quantization.quantize_apply(
                annotated, quantization.collab_opts.Default8BitPrunePreserveQuantizeScheme()
            )
        return quantization.quantize_apply(annotated)
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UnsupportedModel(
            f"QuantizeAware expects layers that tfmot can quantize. Received: {reason} Use Int8 after training "
            "instead: it needs no change of the model."
        ) from error
