"""Which channels go, given what each is worth: pure functions over the families of a graph."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from ...graph.dependencies import ChannelGraph, Family

GLOBAL, PER_LAYER, ISOMORPHIC = "global", "per layer", "isomorphic"


@dataclasses.dataclass(frozen=True)
class Scored:
    """A family with what its channels are worth; it can be pruned down to `least` channels."""

    family: Family
    scores: np.ndarray
    kind: Any = None  # equal for families that are built alike

    @property
    def width(self) -> int:
        """Channels, in the layer that holds most."""
        return len(self.scores) * self.family.channels_per_group


def choose(
    families: Sequence[Scored], fraction: float, comparison: str = GLOBAL, round_to: int = 1, minimum: float = 1
) -> set[int]:
    """The numbers of the groups to remove so that about `fraction` of all is gone.

    Args:
      families: with scores in one unit where they are compared.
      fraction: of the groups that are compared with each other, in [0, 1].
      comparison: GLOBAL ranks all, PER_LAYER each family by itself, ISOMORPHIC those that are built alike.
      round_to: widths become multiples of this, the nearest; layers of less than twice as many channels are left to
        have any width.
      minimum: what each layer keeps at least: so many channels, or below 1 this share of them.

    >>> import numpy as np
    >>> from types import SimpleNamespace
    >>> made = SimpleNamespace(groups=np.arange(4), channels_per_group=1)
    >>> choose([Scored(made, np.array([4.0, 1.0, 3.0, 2.0]))], 0.5)
    {1, 3}
    """
    import numpy as np

    if comparison == PER_LAYER:
        pools = [[index] for index in range(len(families))]
    elif comparison == ISOMORPHIC:
        kinds: dict[Any, list[int]] = {}
        for index, family in enumerate(families):
            kinds.setdefault(family.kind, []).append(index)
        pools = list(kinds.values())
    else:
        pools = [list(range(len(families)))] if families else []
    removed: set[int] = set()
    for pool in pools:
        scores = np.concatenate([families[index].scores for index in pool])
        owners = np.repeat(pool, [len(families[index].scores) for index in pool])
        lowest = np.argsort(scores, kind="stable")[: round(fraction * len(scores))]
        counts = np.bincount(owners[lowest], minlength=len(families))
        for index in pool:
            scored = families[index]
            count = allowed(scored, int(counts[index]), round_to, minimum)
            order = np.argsort(scored.scores, kind="stable")[:count]
            removed.update(int(number) for number in scored.family.groups[order])
    return removed


def allowed(scored: Scored, count: int, round_to: int, minimum: float) -> int:
    """How many groups of a family may go where `count` are wanted, by `round_to` and `minimum`."""
    total, each = len(scored.scores), scored.family.channels_per_group
    least = math.ceil(minimum * scored.width) if minimum < 1 else min(int(minimum), scored.width)
    step = _step(scored, round_to)
    kept, least = total - count, max(1, math.ceil(least / each))
    if step > 1 and count:
        kept = max(step, round(kept / step) * step)
        least = math.ceil(least / step) * step
    return max(0, total - max(kept, least))


def without_excess(
    families: Sequence[Scored], removed: Collection[int], fits: Callable[[set[int]], bool], round_to: int = 1
) -> set[int]:
    """Those of `removed` that have to go: step by step, the best first, families get back what still fits.

    Widths in steps overshoot what was to be reached, by a step of a whole stage where blocks are added up. Other
    families have smaller ones.

    Args:
      families: what was chosen from.
      removed: the numbers of groups that fit.
      fits: whether the model without these groups is within its target.
      round_to: as for `choose`.

    >>> import numpy as np
    >>> from types import SimpleNamespace
    >>> made = SimpleNamespace(groups=np.arange(4), channels_per_group=1)
    >>> without_excess([Scored(made, np.array([4.0, 1.0, 3.0, 2.0]))], {1, 2, 3}, lambda gone: len(gone) >= 2)
    {1, 3}
    """
    gone = set(removed)
    steps = {index: _best_step(scored, gone, round_to) for index, scored in enumerate(families)}
    while steps:
        first = max(steps, key=lambda index: steps[index][0])
        back = steps[first][1]
        if back and fits(gone.difference(back)):
            gone.difference_update(back)
            steps[first] = _best_step(families[first], gone, round_to)
        else:
            del steps[first]  # what does not fit now will not when others have grown
    return gone


def _best_step(scored: Scored, gone: Collection[int], round_to: int) -> tuple[float, list[int]]:
    """What the best of a family's groups that are gone are worth, one step of them, and their numbers."""
    import numpy as np

    best = [at for at in np.argsort(-scored.scores, kind="stable") if scored.family.groups[at] in gone]
    best = best[: _step(scored, round_to)]
    return float(scored.scores[best].sum()), scored.family.groups[best].tolist()


def _step(scored: Scored, round_to: int) -> int:
    """By how many groups the width of a family changes."""
    wide = scored.width >= 2 * round_to
    return round_to // math.gcd(round_to, scored.family.channels_per_group) if wide else 1


def kind_of(graph: ChannelGraph, family: Family, layers: Mapping[str, Any]) -> tuple[Any, ...]:
    """How a family is built: the types of its layers and the shapes of its kernels, but for the counts of channels."""
    lead = int(family.groups[0])
    parts = []
    for member in graph.members[lead]:
        shape = layers[member.layer].weights[member.position].shape
        size = tuple(shape[:-2]) if len(shape) > 2 else ()
        parts.append((type(layers[member.layer]).__name__, member.weight, member.role, size, len(member.indices)))
    return tuple(sorted(parts))
