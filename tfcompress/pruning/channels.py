"""Channel pruning: the channels worth least are removed from a model, which is then smaller and does less."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ..core.contracts import data_in
from ..core.errors import NothingHappened, UnsupportedModel, expect
from ..core.remarks import remark
from ..core.selection import Selectors, expect_selectors, select
from ..core.types import CHANNELS, Fit, Promise
from ..data.sampling import sampled_batches
from ..fitting.objective import Objective, objective_in, tells_task
from ..measuring.measure import kernels, leaf_layers
from ..measuring.outputs import taken_by
from ..models_io.copying import copy_model
from . import channel_criteria as criteria
from .channel_criteria import GRADIENTS, NOTHING, Criterion
from .loss_gradients import data_of
from .removal.budgets import ChannelTarget, largest_within
from .removal.greedy import GLOBAL, ISOMORPHIC, PER_LAYER, Scored, choose, without_excess

if TYPE_CHECKING:
    from ..core.types import Data
    from .removal.candidates import Candidate, Plan


@dataclasses.dataclass(frozen=True)
class PruneChannels:
    """Removes the channels that `criterion` finds worth least, and whatever is coupled to them; then trains.

    What comes out is a plain Keras model with fewer filters, units and heads: no mask, no wrapper. Channels coupled by
    additions, products, normalization or grouped convolutions go together (graph/dependencies.py). After the removal
    batch normalization's statistics are estimated anew from training inputs, without labels; then `fit` trains.

    Args:
      pruning_ratio: share of the channels that can go which goes, in (0, 1). Defaults to 0.3 where there is no target.
      target: what to reach instead: `MacsTarget`, `ParametersTarget`, `FileBytesTarget` or `LatencyTarget`; of the
        models within it the largest is taken, and where `round_to` overshoots a count, layers get back what still fits.
      criterion: what a channel is worth. Defaults to `criteria.L2()`.
      comparison: "global" ranks the channels of all layers together, "per layer" takes the same share of each layer,
        "isomorphic" ranks those of layers that are built alike. Defaults to "global".
      round_to: widths become multiples of this, as kernels for int8 like it; layers of less than twice as many
        channels may have any width. Defaults to 8; 1 for any width.
      keep: selectors of layers (core/selection.py) that keep all their channels, and with them the layers coupled to
        them. Defaults to none.
      minimum: what each layer keeps at least: so many channels, or below 1 this share of them. Defaults to 0.1.
      iterations: in how many rounds of scoring, removal and training; each trains for all of `fit`. Defaults to 1.
      num_examples: of the training split, for statistics and for criteria that need examples. Defaults to 512.

    Raises:
      InvalidValue: for a value out of range.

    Example:

    >>> from tfcompress.pruning.removal.budgets import MacsTarget
    >>> PruneChannels(target=MacsTarget(at_most=0.5), keep=("stem",)).round_to
    8

    References: Fang, Ma, Song, Mi and Wang, "DepGraph: towards any structural pruning", 2023,
    https://arxiv.org/abs/2301.12900; Fang, Ma, Mi and Wang, "Isomorphic pruning for vision models", 2024,
    https://arxiv.org/abs/2407.04616
    """

    takes: ClassVar[Literal["fit"]] = "fit"

    pruning_ratio: float | None = None
    target: ChannelTarget | None = None
    criterion: Criterion = criteria.L2()
    comparison: str = GLOBAL
    round_to: int = 8
    keep: Selectors = ()
    minimum: float = 0.1
    iterations: int = 1
    num_examples: int = 512

    def __post_init__(self) -> None:
        one = self.pruning_ratio is None or self.target is None
        expect(one, self, "target", "must be None beside a pruning_ratio", "Give one of the two.")
        ratio = self.pruning_ratio is None or 0 < self.pruning_ratio < 1
        expect(ratio, self, "pruning_ratio", "must be in (0, 1)", "Use 0.3 to remove three channels of ten.")
        known = (GLOBAL, PER_LAYER, ISOMORPHIC)
        expect(self.comparison in known, self, "comparison", f"must be one of {known}", f"Use {GLOBAL!r}.")
        expect(self.round_to >= 1, self, "round_to", "must be at least 1", "Use 8.")
        whole = 0 <= self.minimum < 1 or self.minimum == int(self.minimum) >= 1
        expect(whole, self, "minimum", "must be a share below 1 or a whole number of channels", "Use 0.1.")
        expect(self.iterations >= 1, self, "iterations", "must be at least 1", "Use 1.")
        expect(self.num_examples >= 1, self, "num_examples", "must be at least 1", "Use 512.")
        expect_selectors(self, "keep")

    @property
    def makes(self) -> frozenset[str]:
        """A model with fewer channels."""
        return frozenset({CHANNELS})

    @property
    def keeps(self) -> frozenset[str]:
        """Fewer channels; shares of zeros change with the channels that go, and fake quantization cannot be sliced."""
        return frozenset({CHANNELS})

    def promises(self, model: Any) -> tuple[Promise, ...]:
        """That weights are gone from the kernels: as many as this round's scores say, or, where they are not known
        before training, some.
        """
        total = sum(values.size for values in kernels(model).values())
        share = 1 / total
        if self.iterations == 1 and self.criterion.needs == NOTHING and not self._measures_files:
            plan = self._plan(model, None)
            whole = self.target.cost(_candidate(plan, set())) if self.target else 0.0
            share = 1 - self._candidate(plan, 1, whole, whole).num_kernel_weights / total
        return (Promise(CHANNELS, share, tuple(kernels(model)), num_weights=total),)

    def apply(self, model: Any, fit: Fit) -> Any:
        """Gives a plain, smaller model, trained by `fit`.

        Raises:
          UnsupportedModel: when no channel can go, or the target cannot be reached; says the least possible.
          NothingHappened: when so few were to go that none went.
          InvalidValue: when a selector of `keep` matches no layer.
        """
        needs_data = self.criterion.needs != NOTHING or self._measures_files
        data = data_of(fit, type(self).__name__) if needs_data else data_in(fit)
        smaller = copy_model(model)
        objective = self._objective(fit, model, data)
        whole = self.target.cost(_candidate(self._plan(model, data, objective), set())) if self.target else 0.0
        cost = whole
        for number in range(1, self.iterations + 1):
            plan = self._plan(smaller, data, objective)
            candidate = self._candidate(plan, number, whole, cost)
            if number > 1 and not candidate.removed:
                continue  # an earlier round, rounded, took as much
            cost = self.target.cost(candidate) if self.target and number < self.iterations else cost
            smaller = candidate.model
            restored = self._restore(smaller, data, objective)
            fit(smaller)
            before, after = plan.num_channels, plan.num_channels - len(candidate.removed)
            remark(f"Round {number} of {self.iterations}: {after} of {before} channels are left. {restored}")
        return smaller

    @property
    def _measures_files(self) -> bool:
        return self.target is not None and self.target.needs_data

    def _objective(self, fit: Fit, model: Any, data: Data | None) -> Objective | None:
        """What the model is trained for; None where nobody says, and no gradients are needed."""
        if data is None or not (self.criterion.needs == GRADIENTS or tells_task(fit, data)):
            return None
        return objective_in(fit, model, data, type(self).__name__)

    def _plan(self, model: Any, data: Data | None, objective: Objective | None = None) -> Plan:
        from ..graph.dependencies import channel_graph
        from .removal.candidates import Plan

        return Plan(model, channel_graph(model), data, objective)

    def _candidate(self, plan: Plan, number: int, whole: float, cost: float) -> Candidate:
        """What is removed in round `number` from a model that cost `whole` before the first, and costs `cost` now."""
        families = self._scored(plan)
        done, due = (number - 1) / self.iterations, number / self.iterations
        ratio = 0.3 if self.pruning_ratio is None else self.pruning_ratio
        share = 1 - (1 - ratio * due) / (1 - ratio * done)  # of what is left

        def candidate(share: float) -> Candidate:
            return _candidate(plan, choose(families, share, self.comparison, self.round_to, self.minimum))

        if self.target is None:
            found = candidate(share)
        else:
            limit = whole - (whole - self.target.limit(whole)) * due
            met = number > 1 and cost <= limit
            found = candidate(0.0) if met else largest_within(self.target, cost, limit, candidate)
            if not self.target.needs_data:  # counting takes no time, and measuring one file for each step would
                left = without_excess(
                    families,
                    found.removed,
                    lambda removed: self.target.cost(_candidate(plan, removed)) <= limit,
                    self.round_to,
                )
                found = _candidate(plan, left)
        if number == 1 and not found.removed:
            raise NothingHappened(
                f"PruneChannels expects channels to remove. Received: none of "
                f"{sum(len(family.scores) for family in families)} at a share of {share:.3g}. Raise pruning_ratio, "
                "or lower round_to and minimum."
            )
        return found

    def _scored(self, plan: Plan) -> list[Scored]:
        """The families that may be pruned, with scores in one unit."""
        from .removal.scoring import scores_of

        kept = self._kept(plan)
        families = [family for family in plan.graph.families if not kept.intersection(family.groups.tolist())]
        scored = scores_of(plan, families, self.criterion, self.num_examples, self.comparison)
        if not scored:
            reasons = list(dict.fromkeys(plan.graph.pinned.values()))[:4]
            raise UnsupportedModel(
                f"PruneChannels expects a model with channels that can be removed, and that "
                f"{type(self.criterion).__name__} can score. Received: {plan.model.name!r}, which has none: "
                f"{'; '.join(reasons)}. Keep fewer layers, or use PruneWeights, which removes none."
            )
        return scored

    def _kept(self, plan: Plan) -> set[int]:
        """The groups of channels of the layers that `keep` selects."""
        made = [axis for axis in plan.graph.axes if axis.role == "makes"]
        every = {layer.name: layer for layer in leaf_layers(plan.model)}
        layers = {axis.layer: every[axis.layer] for axis in made}
        kept = select(layers, self.keep, "PruneChannels.keep", "layers with channels")
        return {int(group) for axis in made if axis.layer in kept for group in axis.groups}

    def _restore(self, model: Any, data: Data | None, objective: Objective | None) -> str:
        """Estimates batch normalization's statistics anew; gives a sentence about what that did."""
        if data is None:
            return "Batch normalization keeps its old statistics: the fit does not say what it trains on."
        from .removal.batch_statistics import estimate_batch_statistics
        from .removal.channel_statistics import BATCH_SIZE

        sample = objective and objective.sample(model, self.num_examples)
        kind = objective and objective.metric.kind
        before = sample and sample.judge_model()
        batches = sampled_batches(data, self.num_examples, BATCH_SIZE)
        count = estimate_batch_statistics(model, (taken_by(model, data, stored) for stored, _ in batches))
        if not (sample and kind and before):
            return f"The statistics of {count} batch normalizations were estimated anew." if count else ""
        name = kind.capitalized
        if not count:
            return f"{name} on training examples before fine-tuning: {kind.text(before[0])}."
        after, _ = sample.judge_model()
        return (
            f"{name} on training examples before fine-tuning: {kind.text(before[0])}, and {kind.text(after)} once the "
            f"statistics of {count} batch normalizations were estimated anew."
        )


def _candidate(plan: Plan, removed: Collection[int]) -> Candidate:
    from .removal.candidates import Candidate

    return Candidate(plan, frozenset(removed))
