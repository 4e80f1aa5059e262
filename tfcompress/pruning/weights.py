"""Weight pruning by any score: the weights worth least become zeros while the model trains."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ..core.errors import InvalidValue, NothingHappened, expect
from ..core.selection import PerLayer, expect_selectors
from ..core.types import SPARSITY, Fit, Promise
from ..fitting.objective import Objective, objective_in
from ..models_io.copying import copy_model
from . import weight_scores as scores
from .loss_gradients import data_of, loss_gradients
from .masks.masks import keep_largest, reachable
from .masks.prunable import PRUNED_KINDS, PrunableKernel, named_shares, prunable_kernels
from .schedules import Compounding, ConstantSparsity, PolynomialDecay, sparsity_at
from .weight_scores import FILTER, GRADIENT, MOVEMENT, WEIGHT, KernelStatistics, Score, group_size

if TYPE_CHECKING:
    import numpy as np

PER_LAYER, GLOBAL = "per layer", "global"
TOLERANCE = 0.005  # of sparsity


@dataclasses.dataclass(frozen=True)
class PruneWeights:
    """Zeroes the weights that a score holds worth least while the model trains, and keeps them zero to the end.

    For a kernel w with scores S, both of one shape, the mask is m = [S >= the s quantile of S], with s the schedule's
    sparsity; the model trains with w * m. A weight once masked stays so, and zeros that come in stay. Every kernel can
    be pruned, those of attention and of Bidirectional layers too; a depthwise kernel only when `per_layer` names it.
    What comes out is a plain Keras model with zeros in its kernels; a .tflite of it is smaller zipped.

    Args:
      final_sparsity: share of zeros at the end, in [0, 1). Defaults to 0.75.
      score: what a weight is worth: `scores.L1`, `scores.L2`, `scores.Movement`, `scores.GradientTimesWeight`,
        `scores.Random`, or one of your own, as `scores.Score` says. Of scores by group whole groups go, and with
        filters as groups the layers that make the outputs are left whole. Defaults to `scores.L1()`, magnitude.
      schedule: how the share is reached. Defaults to `PolynomialDecay()`; or `ConstantSparsity`, `Compounding`.
      comparison: "per layer": each kernel gets the share; "global": all kernels together, the scores compared as
        they are. Defaults to "per layer".
      per_layer: final sparsities that differ, by selectors of layers (core/selection.py); 0 leaves a layer whole.
        With "global" these kernels are compared within themselves, and the rest together.

    Raises:
      InvalidValue: for a value out of range.

    Example:

    >>> PruneWeights(0.9, comparison="global", per_layer={"logits": 0.5}).comparison
    'global'

    References: Han et al., "Learning both weights and connections", 2015, https://arxiv.org/abs/1506.02626; Blalock et
    al., "What is the state of neural network pruning?", 2020, https://arxiv.org/abs/2003.03033
    """

    takes: ClassVar[Literal["fit"]] = "fit"

    final_sparsity: float = 0.75
    score: Score = scores.L1()
    schedule: PolynomialDecay | ConstantSparsity | Compounding = PolynomialDecay()
    comparison: str = PER_LAYER
    per_layer: PerLayer[float] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        fix = "Use 0.75 to zero three quarters of each kernel."
        expect(0 <= self.final_sparsity < 1, self, "final_sparsity", "must be in [0, 1)", fix)
        expect(isinstance(self.score, Score), self, "score", "must be a score", "Use scores.L1() for magnitude.")
        known = (PER_LAYER, GLOBAL)
        expect(self.comparison in known, self, "comparison", f"must be one of {known}", f"Use {PER_LAYER!r}.")
        expect_selectors(self, "per_layer")
        within = all(0 <= share < 1 for share in self.per_layer.values())
        expect(within, self, "per_layer", "must hold sparsities in [0, 1)", fix)

    @property
    def makes(self) -> frozenset[str]:
        """Zeros."""
        return frozenset({SPARSITY})

    @property
    def keeps(self) -> frozenset[str]:
        """Zeros: those that come in stay."""
        return frozenset({SPARSITY})

    def promises(self, model: Any) -> tuple[Promise, ...]:
        """The share of zeros of each kernel, grouped by share; of kernels compared globally that of all together."""
        groups: dict[float, list[str]] = {}
        together = []
        found = prunable_kernels(model, type(self).__name__, bool(self.per_layer))
        for pool, share in self._pools(found):
            if not self._alone(pool):
                # Of whole groups as many go as fit into the share, and their sizes differ.
                least = share if self.score.group == WEIGHT else 0.0
                together.append(Promise(SPARSITY, least, tuple(pool), together=True))
                continue
            for name in pool:
                groups.setdefault(self._reachable(found[name], share), []).append(name)
        return (*(Promise(SPARSITY, share, tuple(names)) for share, names in groups.items()), *together)

    def apply(self, model: Any, fit: Fit) -> Any:
        """Gives a plain model with zeros, trained by `fit`.

        Raises:
          UnsupportedModel: when the model has no kernel, or is quantization-aware.
          InvalidRecipe: when the score needs data that `fit` does not have.
          NothingHappened: when the schedule did not fire, or every sparsity is 0.
        """
        from .masks.finalize import finish
        from .masks.masking import Masking, MovementTracking  # Keras classes: only now is TensorFlow needed

        name = type(self).__name__
        promises = self.promises(model)
        pruned = copy_model(model)
        found = prunable_kernels(pruned, name, bool(self.per_layer))
        pools = self._pools(found)
        if not pools:
            raise NothingHappened(
                f"{name} expects a sparsity above 0 for some kernel that it can prune. Received: none, of "
                f"{', '.join(found)}. Raise final_sparsity, or name a layer in per_layer."
            )
        schedules = {share: self.schedule.over(fit.steps, share) for _, share in pools}
        variables = {kernel: found[kernel].variable for pool, _ in pools for kernel in pool}
        tracking = [MovementTracking(variables)] if self.score.needs == MOVEMENT else []
        score: Any = self.score  # one that needs gradients says of how many examples
        objective = self._objective(fit, model) if self.score.needs == GRADIENT else None

        def choose(step: int, training: Any) -> dict[str, np.ndarray] | None:
            asked = {share: sparsity_at(schedule, step) for share, schedule in schedules.items()}
            due = [(pool, asked[share]) for pool, share in pools if asked[share] > 0]
            if not due:
                return None
            movement = tracking[0].sums() if tracking else {}
            gradients = loss_gradients(training, variables, objective, score.num_examples) if objective else {}
            now = masking.masks()
            return {
                kernel: mask
                for pool, share in due
                for kernel, mask in self._masks(
                    {kernel: found[kernel] for kernel in pool}, share, now, gradients, movement
                ).items()
            }

        masking = Masking(variables, choose)
        fit(pruned, callbacks=[masking, *tracking])
        self._require_zeros(promises, found, fit.steps)
        return finish(pruned, fit, remove=False)

    def _objective(self, fit: Fit, model: Any) -> Objective:
        owner = f"{type(self).__name__}(score={type(self.score).__name__}())"
        return objective_in(fit, model, data_of(fit, owner), owner)

    def _masks(
        self,
        pool: Mapping[str, PrunableKernel],
        share: float,
        now: Mapping[str, np.ndarray],
        gradients: Mapping[str, np.ndarray],
        movement: Mapping[str, np.ndarray],
    ) -> dict[str, np.ndarray]:
        import numpy as np

        if movement and not any(np.any(movement[name]) for name in pool):
            raise InvalidValue(
                "PruneWeights.schedule must begin after some steps with a score of movement. Received: a mask at the "
                "first step. Use PolynomialDecay(begin=0.2)."
            )
        scores = {}
        for name, prunable in pool.items():
            statistics = KernelStatistics(name, prunable.output_axis, gradients.get(name), movement.get(name))
            scores[name] = np.where(now[name], self.score(prunable.variable.numpy(), statistics), -np.inf)
        return keep_largest(scores, share, whole_groups=self.score.group != WEIGHT)

    def _pools(self, found: Mapping[str, PrunableKernel]) -> list[tuple[list[str], float]]:
        """The kernels that are compared with each other, and the share of each pool."""
        named = named_shares(found, self.per_layer, type(self).__name__)
        common = {name: self.final_sparsity for name, prunable in found.items() if prunable.kind in PRUNED_KINDS}
        by_kernel = {name: share for name in found if (share := named.get(name, common.get(name, 0.0))) > 0}
        if self.score.group == FILTER:
            by_kernel = {name: share for name, share in by_kernel.items() if not found[name].makes_output}
        together = [name for name in by_kernel if self.comparison == GLOBAL and name not in named]
        pools = [([name], share) for name, share in by_kernel.items() if name not in together]
        return ([(together, self.final_sparsity)] if together else []) + pools

    def _alone(self, pool: list[str]) -> bool:
        return self.comparison == PER_LAYER or len(pool) == 1

    def _reachable(self, prunable: PrunableKernel, share: float) -> float:
        if self.score.group == WEIGHT:
            return share
        size = group_size(tuple(prunable.variable.shape), self.score.group, prunable.output_axis)
        return reachable(share, prunable.variable.shape.num_elements(), size)

    def _require_zeros(self, promises: tuple[Promise, ...], found: Mapping[str, PrunableKernel], steps: int) -> None:
        promised = {name: promise.at_least for promise in promises for name in promise.kernels}
        for pool, share in self._pools(found):
            values = {name: found[name].variable.numpy() for name in pool}
            zeros = sum(int((kernel == 0).sum()) for kernel in values.values())
            reached = zeros / sum(kernel.size for kernel in values.values())
            wanted = promised[pool[0]] if self._alone(pool) else share
            if reached < wanted - TOLERANCE - 1 / min(kernel.size for kernel in values.values()):
                raise NothingHappened(
                    f"PruneWeights expects {wanted:.0%} zeros in {', '.join(pool)}. Received: {reached:.0%} after "
                    f"{steps} steps. Train longer, or end the schedule earlier."
                )
