"""Quantization-aware training, by tfmot and beyond it: a model trains with int8's rounding in its outputs."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar, Literal

from ...backend.tensorflow import is_quantization_aware, tfmot, wrappers
from ...core.errors import UnsupportedModel, expect
from ...core.remarks import remark
from ...core.selection import PerLayer, by_layer, expect_selectors
from ...core.types import CLUSTERS, INT8_RANGES, LEVELS, SPARSITY, Fit, Promise
from ...layers.int8.kernel_quantizer import FULL_BITS
from ...layers.int8.preserving import CLUSTERS as CLUSTERS_KEPT
from ...layers.int8.preserving import INFERENCE, ZEROS, few_bits, preserve, settle
from ...measuring.measure import (
    MOST_CLUSTERS,
    kernel_variables,
    kernels,
    leaf_layers,
    num_distinct,
    overall_sparsity,
    plain_name,
    shares_values,
)
from ...models_io.copying import copy_model, scope_of
from ...models_io.full_precision import full_precision, in_float32, is_mixed
from .coverage import annotated, called_in_inference, gaps
from .ranges import average_plainly
from .stochastic_training import rounded_stochastically


@dataclasses.dataclass(frozen=True)
class QuantizeAware:
    """Makes a model ready for static int8: rounds weights and activations as int8 will, and trains through it.

    x^ = scale * clamp(round(x / scale) + zero_point, -128, 127) - scale * zero_point, the gradient passing straight
    through; weights symmetric (per channel for convolutions, per tensor for Dense), activations asymmetric per tensor.
    A frozen layer (trainable=False) is rounded and not trained, a layer called with training=False computes as in
    inference; the ranges of their outputs are followed all the same.

    Args:
      strict: whether a layer that stays in float is refused. False: it is named in the report, and its part of the
        file is float. Defaults to False.
      keep_sparsity: whether zeros in kernels stay zero. None: yes, when the model has some. False lets training fill
        them, and a recipe then refuses to run this after pruning. Defaults to None.
      keep_clusters: whether weights that share a value go on sharing one, which training tunes. None: yes, when a
        kernel has few values. False parts them, and a recipe then refuses to run this after clustering. Defaults to
        None.
      rounding: of kernels while they train, "nearest" or "stochastic" (unbiased, so that small moves of a weight count;
        clusters then share a gradient, not a level). What is trained is used, and exported, rounded to the nearest.
        Defaults to "nearest".
      seed: of stochastic rounding. Defaults to 0.
      per_layer_bits: bits of the kernels of some layers, from 2 to 8, by selectors of layers (core/selection.py); the
        file stores up to 4 bits as int4, more as int8. Defaults to 8 everywhere.

    Raises:
      InvalidValue: for a value out of range, or when applied for a selector that matches no layer.

    Example:

    >>> sorted(QuantizeAware().keeps), sorted(QuantizeAware(keep_sparsity=False).keeps)
    (['clusters', 'sparsity'], ['clusters'])

    Reference: Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only
    inference", 2018, https://arxiv.org/abs/1712.05877; of stochastic rounding see `stochastic.round_stochastically`
    """

    takes: ClassVar[Literal["fit"]] = "fit"

    keep_sparsity: bool | None = None
    strict: bool = False
    keep_clusters: bool | None = None
    rounding: str = "nearest"
    seed: int = 0
    per_layer_bits: PerLayer[int] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for field in ("keep_sparsity", "keep_clusters"):
            known = getattr(self, field) in (None, True, False)
            expect(known, self, field, "must be None, True or False", "Use None.")
        known = self.rounding in ("nearest", "stochastic")
        expect(known, self, "rounding", "must be 'nearest' or 'stochastic'", "Use 'nearest'.")
        expect(isinstance(self.seed, int) and self.seed >= 0, self, "seed", "must be a whole number from 0", "Use 0.")
        expect_selectors(self, "per_layer_bits")
        known = all(type(bits) is int and 2 <= bits <= FULL_BITS for bits in self.per_layer_bits.values())
        expect(known, self, "per_layer_bits", "must hold whole numbers from 2 to 8", 'Use {"conv2": 4}.')

    @property
    def makes(self) -> frozenset[str]:
        """Fake quantization, with the ranges that int8 needs; and few levels where few bits are asked for."""
        return frozenset({INT8_RANGES, *((LEVELS,) if self.per_layer_bits else ())})

    @property
    def keeps(self) -> frozenset[str]:
        """Zeros and clusters, unless its settings say otherwise."""
        kept = ((SPARSITY, self.keep_sparsity), (CLUSTERS, self.keep_clusters))
        return frozenset(kind for kind, wanted in kept if wanted is not False)

    def promises(self, model: Any) -> tuple[Promise, ...]:
        """The ranges, of all kernels but those of layers that stay in float, and at most 2^bits levels of a scale."""
        left = gaps(model)
        quantized = tuple(name for name in kernels(model) if name.rpartition("/")[0] not in left)
        bits = self._bits(model, left)
        few: dict[int, list[str]] = {}
        for name in quantized:
            if name.rpartition("/")[0] in bits:
                few.setdefault(bits[name.rpartition("/")[0]], []).append(name)
        levels = (Promise(LEVELS, at_most=2**number, kernels=tuple(names)) for number, names in few.items())
        return (Promise(INT8_RANGES, kernels=quantized), *levels)

    def apply(self, model: Any, fit: Fit) -> Any:
        """Gives a quantization-aware model, trained by `fit`; a static int8 exporter then needs no calibration.

        Raises:
          UnsupportedModel: when tfmot cannot quantize a layer of it, it is quantization-aware already, or whole numbers
            come into a layer that is quantized (an Embedding apart).
        """
        if is_quantization_aware(model):
            raise UnsupportedModel(
                "QuantizeAware expects a float model. Received: a quantization-aware one. Use it once."
            )
        if is_mixed(model):
            remark(f"{model.name} computes in mixed precision; it is quantized, and trained, in float32.")
            model = in_float32(model)
        left = gaps(model)
        if self.strict and left:
            listed = "; ".join(f"{name}: {reason}" for name, reason in left.items())
            raise UnsupportedModel(
                f"QuantizeAware.strict wants every layer quantized. Received: {listed}. Use strict=False, which leaves "
                "them in float."
            )
        if all(name.rpartition("/")[0] in left for name in kernels(model)):
            listed = ", ".join(f"{name} ({reason})" for name, reason in left.items())
            raise UnsupportedModel(
                f"QuantizeAware expects a layer with a kernel that it can quantize. Received: {listed or 'none'}. Use "
                "Int8 after training instead: it needs no change of the model."
            )
        remark(*(f"{name} stays in float: {reason}." for name, reason in left.items()))
        bits = self._bits(model, left)
        sparse = overall_sparsity(kernels(model)) > 0 if self.keep_sparsity is None else self.keep_sparsity
        aware = _quantize(copy_model(model))
        still = called_in_inference(model)
        in_inference = [wrapper.name for wrapper in wrappers(aware) if plain_name(wrapper) in still]
        preserve(aware, {**self._kept(aware, sparse, bits), INFERENCE: in_inference})
        with self._rounding(aware) as drawn:
            fit(aware, callbacks=[average_plainly(aware, drawn), *self._zeros_in_float(aware, left)])
        settle(aware)
        return aware

    def _rounding(self, aware: Any) -> AbstractContextManager[list[Any]]:
        return rounded_stochastically(aware, self.seed) if self.rounding == "stochastic" else nullcontext([])

    def _bits(self, model: Any, left: Collection[str]) -> dict[str, int]:
        """The bits of each layer that is not to have eight; those `left` in float are not chosen from."""
        layers = {plain_name(layer): layer for layer in leaf_layers(model) if kernel_variables(layer)}
        quantized = {name: layer for name, layer in layers.items() if name not in left}
        owner, expected = "QuantizeAware.per_layer_bits", "layers whose kernels are quantized"
        found = by_layer(quantized, FULL_BITS, self.per_layer_bits, owner, expected)
        return {name: bits for name, bits in found.items() if bits != FULL_BITS}

    def _kept(self, aware: Any, sparse: bool, bits: Mapping[str, int]) -> dict[str, list[str]]:
        """What each wrapper keeps of its kernels, as `preserving` gives it."""
        kept = {CLUSTERS_KEPT: self._clustered(aware)}
        for wrapper in wrappers(aware):
            if plain_name(wrapper) in bits:
                kept.setdefault(few_bits(bits[plain_name(wrapper)]), []).append(wrapper.name)
        # tfmot's scheme that keeps zeros refuses layers that its default scheme takes, or leaves alone.
        kept[ZEROS] = [wrapper.name for wrapper in wrappers(aware)] if sparse else []
        return kept

    def _zeros_in_float(self, aware: Any, left: Collection[str]) -> list[Any]:
        """The callback that keeps zeros of the layers that stay in float, which no quantizer looks after."""
        from ...fitting.kept_zeros import KeptZeros  # a Keras class: only now is TensorFlow needed

        if self.keep_sparsity is False:
            return []
        layers = [layer for layer in leaf_layers(aware) if plain_name(layer) in left]
        return [KeptZeros(kernel for layer in layers for kernel in kernel_variables(layer).values())]

    def _clustered(self, aware: Any) -> list[str]:
        """The wrappers whose kernels go on sharing values: when any kernel is clustered, all that have few values."""
        found = kernels(aware)
        wanted = any(map(shares_values, found.values())) if self.keep_clusters is None else self.keep_clusters
        few = {name.rpartition("/")[0] for name, kernel in found.items() if num_distinct(kernel) <= MOST_CLUSTERS}
        return [wrapper.name for wrapper in wrappers(aware) if wanted and plain_name(wrapper) in few]


def _quantize(model: Any) -> Any:
    try:
        with scope_of(model), full_precision():
            return tfmot.quantization.keras.quantize_apply(annotated(model))
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UnsupportedModel(
            f"QuantizeAware expects layers that tfmot can quantize. Received: {reason} Use Int8 after training "
            "instead: it needs no change of the model."
        ) from error
