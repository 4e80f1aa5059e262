"""Channel pruning: the channels worth least are removed from a model, which is then smaller and does less."""

from __future__ import annotations

import dataclasses
import difflib
import fnmatch
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from ..core.errors import InvalidValue, NothingHappened, UnsupportedModel, expect
from ..core.keras import copy_model
from ..core.measure import kernels
from ..core.remarks import remark
from ..core.types import CHANNELS, Fit, Promise
from .channel_targets import ChannelTarget, unreachable
from .criteria.l2 import L2Norm
from .criteria.slices import NOTHING, Criterion
from .gradients import data_of
from .selection import GLOBAL, ISOMORPHIC, PER_LAYER, Scored, choose

if TYPE_CHECKING:
    from ..core.types import Data
    from .candidates import Candidate, Plan


@dataclasses.dataclass(frozen=True)
class PruneChannels:
    """Removes the channels that `criterion` finds worth least, and whatever is coupled to them; then trains.

    What comes out is a plain Keras model with fewer filters, units and heads: no mask, no wrapper. Channels coupled by
    additions, products, normalization or grouped convolutions go together (core/graph.py). After the removal batch
    normalization's statistics are told anew from training inputs, without labels; then `fit` trains.

    Args:
      pruning_ratio: share of the channels that can go which goes, in (0, 1). Defaults to 0.3 where there is no target.
      target: what to reach instead: `MacsTarget`, `ParametersTarget`, `FileBytesTarget` or `LatencyTarget`; of the
        models within it the largest is taken.
      criterion: what a channel is worth. Defaults to `L2Norm()`.
      comparison: "global" ranks the channels of all layers together, "per layer" takes the same share of each layer,
        "isomorphic" ranks those of layers that are built alike. Defaults to "global".
      round_to: widths become multiples of this, as kernels for int8 like it; layers of less than twice as many
        channels may have any width. Defaults to 8; 1 for any width.
      keep: names or patterns of layers that keep all their channels, and with them the layers coupled to them.
      minimum: what each layer keeps at least: so many channels, or below 1 this share of them. Defaults to 0.1.
      iterations: in how many rounds of scoring, removal and training; each trains for all of `fit`. Defaults to 1.
      num_examples: of the training split, for statistics and for criteria that need examples. Defaults to 512.

    Raises:
      InvalidValue: for a value out of range.

    Example:

    >>> from tfcompress.pruning.channel_targets import MacsTarget
    >>> PruneChannels(target=MacsTarget(at_most=0.5), keep=("stem",)).round_to
    8

    References: Fang, Ma, Song, Mi and Wang, "DepGraph: towards any structural pruning", 2023,
    https://arxiv.org/abs/2301.12900; Fang, Ma, Mi and Wang, "Isomorphic pruning for vision models", 2024,
    https://arxiv.org/abs/2407.04616
    """

    pruning_ratio: float | None = None
    target: ChannelTarget | None = None
    criterion: Criterion = L2Norm()
    comparison: str = GLOBAL
    round_to: int = 8
    keep: tuple[str, ...] = ()
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
        names = not isinstance(self.keep, str) and all(isinstance(name, str) for name in self.keep)
        expect(names, self, "keep", "must be a tuple of names or patterns", 'Use ("stem",).')

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
        if self.iterations == 1 and self.criterion.needs == NOTHING and not hasattr(self.target, "exporter"):
            share = 1 - self._candidate(self._plan(model, None), self._goal(1, None)).num_kernel_weights / total
        return (Promise(CHANNELS, share, tuple(kernels(model)), total),)

    def apply(self, model: Any, fit: Fit) -> Any:
        """Gives a plain, smaller model, trained by `fit`.

        Raises:
          UnsupportedModel: when no channel can go, or the target cannot be reached; says the least possible.
          NothingHappened: when so few were to go that none went.
          InvalidValue: when a pattern of `keep` matches no layer.
        """
        needs_data = self.criterion.needs != NOTHING or hasattr(self.target, "exporter")
        data = data_of(fit, type(self).__name__) if needs_data else _data_or_none(fit)
        smaller = copy_model(model)
        whole: float | None = None
        for number in range(1, self.iterations + 1):
            plan = self._plan(smaller, data)
            if self.target is not None and whole is None:
                whole = self.target.cost(_candidate(plan, set()))
            candidate = self._candidate(plan, self._goal(number, whole))
            smaller = candidate.model
            said = self._restore(smaller, data)
            fit(smaller)
            count = len(candidate.removed)
            remark(smaller, f"Round {number} of {self.iterations}: {count} groups of coupled channels removed. {said}")
        return smaller

    def _plan(self, model: Any, data: Data | None) -> Plan:
        from ..core.graph import channel_graph
        from .candidates import Plan

        return Plan(model, channel_graph(model), data)

    def _goal(self, number: int, whole: float | None) -> tuple[float, float | None]:
        """What round `number` is to reach: (share of the channels that go, the cost it may leave)."""
        done, due = (number - 1) / self.iterations, number / self.iterations
        if self.target is None:
            ratio = 0.3 if self.pruning_ratio is None else self.pruning_ratio
            return 1 - (1 - ratio * due) / (1 - ratio * done), None
        if whole is None:
            return 1.0, None  # of a single round: the limit is told from the model itself
        limit = self.target.limit(whole)
        return 1.0, whole - (whole - limit) * due

    def _candidate(self, plan: Plan, goal: tuple[float, float | None]) -> Candidate:
        """What is removed in one round."""
        families = self._scored(plan)
        fraction, limit = goal

        def candidate(share: float) -> Candidate:
            return _candidate(plan, choose(families, share, self.comparison, self.round_to, self.minimum))

        if self.target is not None:
            whole = self.target.cost(_candidate(plan, set()))
            limit = self.target.limit(whole) if limit is None else limit
            found = candidate(1.0) if whole > limit else None
            if found is None or (least := self.target.cost(found)) > limit:
                if found is not None:
                    raise unreachable(self.target, whole, limit, least)
                raise NothingHappened(
                    f"PruneChannels.target expects a model that is larger. Received: one of {whole:,.6g} "
                    f"{self.target.unit}, within {limit:,.6g}. Ask for less."
                )
            low, high = 0.0, 1.0
            for _ in range(self.target.trials):
                middle = (low + high) / 2
                tried = candidate(middle)
                if self.target.cost(tried) <= limit:
                    high, found = middle, tried
                else:
                    low = middle
        else:
            found = candidate(fraction)
        if not found.removed:
            raise NothingHappened(
                f"PruneChannels expects channels to remove. Received: none of "
                f"{sum(len(family.scores) for family in families)} at a share of {fraction:.3g}. Raise pruning_ratio, "
                "or lower round_to and minimum."
            )
        return found

    def _scored(self, plan: Plan) -> list[Scored]:
        """The families that may be pruned, with scores in one unit."""
        from .scoring import scores_of

        kept = self._kept(plan)
        families = [family for family in plan.graph.families if not kept.intersection(family.groups.tolist())]
        scored = scores_of(plan, families, self.criterion, self.num_examples)
        if not scored:
            reasons = list(dict.fromkeys(plan.graph.pinned.values()))[:4]
            raise UnsupportedModel(
                f"PruneChannels expects a model with channels that can be removed, and that {type(self.criterion).__name__} "
                f"can score. Received: {plan.model.name!r}, which has none: {'; '.join(reasons)}. Keep fewer layers, or "
                "use PruneWeights, which removes none."
            )
        return scored

    def _kept(self, plan: Plan) -> set[int]:
        """The groups of layers that `keep` names."""
        kept: set[int] = set()
        names = [layer.name for layer in plan.model.layers]
        for pattern in self.keep:
            matches = fnmatch.filter(names, pattern)
            if not matches:
                near = difflib.get_close_matches(pattern, names, n=3) or names[:6]
                raise InvalidValue(
                    f"PruneChannels.keep expects names or patterns of layers. Received: {pattern!r}, which matches "
                    f"none. Near it: {', '.join(near)}."
                )
            kept.update(int(group) for name in matches for group in plan.graph.outputs.get(name, ()))
        return kept

    def _restore(self, model: Any, data: Data | None) -> str:
        """Tells batch normalization's statistics anew; gives a sentence about what that did."""
        if data is None:
            return "Batch normalization keeps its old statistics: the fit does not say what it trains on."
        from .batch_statistics import estimate_batch_statistics
        from .channel_evidence import accuracy, batches

        before = accuracy(model, data, self.num_examples)
        count = estimate_batch_statistics(model, (inputs for inputs, _ in batches(data, self.num_examples)))
        if not count:
            return f"Accuracy on training examples before fine-tuning: {before:.2%}."
        after = accuracy(model, data, self.num_examples)
        return (
            f"Accuracy on training examples before fine-tuning: {before:.2%}, and {after:.2%} once the statistics of "
            f"{count} batch normalizations were told anew."
        )


def _candidate(plan: Plan, removed: Collection[int]) -> Candidate:
    from .candidates import Candidate

    return Candidate(plan, frozenset(removed))


def _data_or_none(fit: Fit) -> Data | None:
    from ..core.errors import InvalidRecipe

    try:
        return data_of(fit, "PruneChannels")
    except InvalidRecipe:
        return None
