"""Magnitude pruning, by tfmot: the smallest weights of each kernel become zeros while the model trains."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from ..backend.tensorflow import is_quantization_aware, keras, tfmot
from ..core.errors import NothingHappened, UnsupportedModel, expect
from ..core.remarks import remark
from ..core.selection import PerLayer, by_layer, expect_selectors
from ..core.types import SPARSITY, Fit, Promise
from ..measuring.measure import KERNEL_NAMES, kernel_variables, kernels, leaf_layers, zero_share
from ..models_io.copying import copy_model
from .schedules import Compounding, ConstantSparsity, PolynomialDecay

# tfmot accepts DepthwiseConv2D, and the depthwise half of a SeparableConv, without pruning them: they are not promised.
PRUNED_KERNELS = ("kernel", "pointwise_kernel", "recurrent_kernel", "embeddings")
PRUNABLE = (
    *("Dense", "Embedding", "LSTM", "GRU", "SimpleRNN", "SeparableConv1D", "SeparableConv2D"),
    *("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "Conv3DTranspose"),
)


@dataclasses.dataclass(frozen=True)
class PruneLowMagnitude:
    """Zeroes the weights of least magnitude in each kernel while the model trains, and keeps them zero to the end.

    For a kernel w the mask is m = [|w| >= the (1 - s) quantile of |w|], with s the schedule's sparsity; training goes
    on with w * m. What comes out is a plain Keras model with zeros in its kernels. Layers that tfmot does not prune are
    left whole, and named: depthwise kernels, Bidirectional, TimeDistributed, attention; `PruneWeights` prunes them.

    Args:
      final_sparsity: share of zeros in each kernel at the end, in [0, 1). Defaults to 0.75.
      schedule: how it is reached. Defaults to `PolynomialDecay()`; or `ConstantSparsity`, `Compounding`.
      per_layer: final sparsities that differ, by selectors of layers (core/selection.py); 0 leaves a layer whole.
      block_size: (rows, columns) of the blocks that go together in Dense kernels; other kernels are pruned weight by
        weight, as tfmot knows no other way. Defaults to (1, 1).
      m_by_n: (M, N): of each N weights in a row along the input channels M are zero, chosen once, at the first step;
        `final_sparsity` must then be M / N. Kernels whose input channels N does not divide are left whole.

    Raises:
      InvalidValue: for a value out of range.

    Example:

    >>> PruneLowMagnitude(final_sparsity=0.5, per_layer={"logits": 0.0}).final_sparsity
    0.5

    References: Han et al., "Learning both weights and connections", 2015, https://arxiv.org/abs/1506.02626;
    Zhu and Gupta, "To prune, or not to prune", 2017, https://arxiv.org/abs/1710.01878; Mishra et al., "Accelerating
    sparse deep neural networks" (N:M), 2021, https://arxiv.org/abs/2104.08378
    """

    takes: ClassVar[Literal["fit"]] = "fit"

    final_sparsity: float = 0.75
    schedule: PolynomialDecay | ConstantSparsity | Compounding = PolynomialDecay()
    per_layer: PerLayer[float] = dataclasses.field(default_factory=dict)
    block_size: tuple[int, int] = (1, 1)
    m_by_n: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        fix = "Use 0.75 to zero three quarters of each kernel."
        expect(0 <= self.final_sparsity < 1, self, "final_sparsity", "must be in [0, 1)", fix)
        expect_selectors(self, "per_layer")
        shares = self.per_layer.values()
        expect(all(0 <= share < 1 for share in shares), self, "per_layer", "must hold sparsities in [0, 1)", fix)
        blocks = len(self.block_size) == 2 and all(isinstance(size, int) and size >= 1 for size in self.block_size)
        expect(blocks, self, "block_size", "must be two whole numbers of at least 1", "Use (1, 4).")
        if self.m_by_n is not None:
            m, n = self.m_by_n
            expect(0 < m < n, self, "m_by_n", "must be (M, N) with 0 < M < N", "Use (2, 4).")
            matches = abs(self.final_sparsity - m / n) < 1e-9
            expect(matches, self, "final_sparsity", f"must be M / N = {m / n:g} with m_by_n", f"Use {m / n:g}.")

    @property
    def makes(self) -> frozenset[str]:
        """Zeros."""
        return frozenset({SPARSITY})

    @property
    def keeps(self) -> frozenset[str]:
        """Nothing but zeros: tfmot cannot wrap a quantization-aware model."""
        return frozenset({SPARSITY})

    def promises(self, model: Any) -> tuple[Promise, ...]:
        """The share of zeros of each kernel that is pruned, grouped by share."""
        groups: dict[float, list[str]] = {}
        sparsities = self._sparsities(model)
        for name in kernels(model):
            layer, _, kind = name.rpartition("/")
            if sparsities.get(layer, 0) > 0 and kind in PRUNED_KERNELS:
                groups.setdefault(sparsities[layer], []).append(name)
        return tuple(Promise(SPARSITY, share, tuple(names)) for share, names in groups.items())

    def apply(self, model: Any, fit: Fit) -> Any:
        """Gives a plain model with zeros, trained by `fit`.

        Raises:
          UnsupportedModel: when the model has no layer that can be pruned, or is quantization-aware.
          NothingHappened: when the schedule did not fire, or every sparsity is 0.
        """
        sparsities = self._sparsities(model)
        promises = self.promises(model)
        if not promises:
            raise NothingHappened(
                "PruneLowMagnitude expects a sparsity above 0 for some layer. Received: 0 for all that it can prune "
                f"({', '.join(sparsities)}). Raise final_sparsity, or leave the technique out."
            )
        remark(*self._left_whole(model, sparsities))

        def wrap(layer: Any) -> Any:
            if isinstance(layer, keras.Model):
                return keras.models.clone_model(layer, clone_function=wrap)
            share = sparsities.get(layer.name, 0)
            return (
                layer
                if share == 0
                else tfmot.sparsity.keras.prune_low_magnitude(layer, **self._options(layer, share, fit))
            )

        wrapped = wrap(copy_model(model))
        fit(wrapped, callbacks=[tfmot.sparsity.keras.UpdatePruningStep()])
        pruned = tfmot.sparsity.keras.strip_pruning(wrapped)
        _require_zeros(promises, kernels(pruned), fit.steps)
        return pruned

    def _options(self, layer: Any, share: float, fit: Fit) -> dict[str, Any]:
        options: dict[str, Any] = {"pruning_schedule": self.schedule.over(fit.steps, share)}
        if isinstance(layer, keras.layers.Dense):
            options["block_size"] = self.block_size
        if self.m_by_n is not None:
            options["sparsity_m_by_n"] = self.m_by_n
        return options

    def _left_whole(self, model: Any, sparsities: Mapping[str, float]) -> list[str]:
        """A sentence for each reason why layers with kernels are not pruned, unless that was asked for."""
        names: dict[str, list[str]] = {}
        for layer in leaf_layers(model):
            wanted = sparsities.get(layer.name)
            for kind in kernel_variables(layer):
                if wanted is None or (wanted > 0 and kind not in PRUNED_KERNELS):
                    names.setdefault(self._obstacle(layer, kind), []).append(f"{layer.name}/{kind}")
            if _has_other_weights(layer):
                reason = f"weights of {type(layer).__name__} are not named as kernels are: {', '.join(KERNEL_NAMES)}"
                names.setdefault(reason, []).append(layer.name)
        return [f"not pruned: {', '.join(found)} ({reason})." for reason, found in names.items()]

    def _obstacle(self, layer: Any, kind: str) -> str:
        if type(layer).__name__ in PRUNABLE and kind in PRUNED_KERNELS:
            return f"N of {self.m_by_n} does not divide its input channels"
        if "depthwise" in kind:
            reason, way = "tfmot leaves depthwise kernels whole", "PruneWeights prunes those that per_layer names"
        else:
            reason, way = f"tfmot does not prune {type(layer).__name__}", "PruneWeights does"
        return reason if self.m_by_n else f"{reason}; {way}"

    def _sparsities(self, model: Any) -> dict[str, float]:
        """The final sparsity of each layer that can be pruned, by its name."""
        prunable = {layer.name: layer for layer in leaf_layers(model) if self._can_prune(layer)}
        if not prunable:
            found = ", ".join(sorted({type(layer).__name__ for layer in leaf_layers(model)}))
            raise UnsupportedModel(
                f"PruneLowMagnitude expects a layer with a kernel it can prune ({', '.join(PRUNABLE)}). "
                f"Received: {found}. {self._way_out(model)}"
            )
        owner, expected = "PruneLowMagnitude.per_layer", "layers that can be pruned"
        return by_layer(prunable, self.final_sparsity, self.per_layer, owner, expected)

    def _way_out(self, model: Any) -> str:
        """What to do with a model of which nothing can be pruned."""
        if is_quantization_aware(model):
            return "Prune before quantization-aware training."
        reasons = self._left_whole(model, {})
        return " ".join(reason[0].upper() + reason[1:] for reason in reasons) or "It has no kernel."

    def _can_prune(self, layer: Any) -> bool:
        if type(layer).__name__ not in PRUNABLE:
            return False
        if self.m_by_n is None:
            return True
        kernel = getattr(layer, "kernel", None)  # N:M is laid along the input channels, TFLite's innermost dimension
        return kernel is not None and len(kernel.shape) in (2, 4) and kernel.shape[-2] % self.m_by_n[1] == 0


def _has_other_weights(layer: Any) -> bool:
    """Whether a layer of the user's own has matrices under names that are not known as kernels'."""
    if kernel_variables(layer) or type(layer).__module__.split(".")[0] in (keras.__name__, "tfcompress"):
        return False
    return any(len(weight.shape) >= 2 for weight in layer.trainable_weights)


def _require_zeros(promises: tuple[Promise, ...], found: Mapping[str, Any], steps: int) -> None:
    for promise in promises:
        for name in promise.kernels:
            if zero_share(found[name]) < promise.at_least / 2:
                raise NothingHappened(
                    f"PruneLowMagnitude expects {promise.at_least:.0%} zeros in {name}. Received: "
                    f"{zero_share(found[name]):.0%} after {steps} steps. Train longer, or end the schedule earlier."
                )
