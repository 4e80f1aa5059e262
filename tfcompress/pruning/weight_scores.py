"""Scores: what each weight of a kernel is worth; those worth least become zeros.

A score S has the kernel's shape, and larger is better. Weights of one group g share a score, and go together: of a
kernel (h, w, in, out) the groups are its single weights; its in * out slices of h * w, each what one filter reads of
one input channel; or its `out` filters of h * w * in. |g| is the number of weights in a group, by which scores are
divided, so that groups of different kernels compare.

A score of your own is any object with `needs`, `group` and `__call__`, as `Score` says.
"""

from __future__ import annotations

import dataclasses
import math
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

from ..core.errors import InvalidValue, expect

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    *("L1", "L2", "GradientTimesWeight", "Movement", "Random"),
    *("Score", "KernelStatistics", "NOTHING", "GRADIENT", "MOVEMENT", "WEIGHT", "SLICE", "FILTER"),
]

NOTHING, GRADIENT, MOVEMENT = "nothing", "gradient", "movement"
# What weights of a kernel may go together, from the whole down.
LAYER, FILTER, SLICE, WEIGHT = LEVELS = ("layer", "filter", "slice", "weight")
GROUPS = (WEIGHT, SLICE, FILTER)


@dataclasses.dataclass(frozen=True)
class KernelStatistics:
    """What was seen of a kernel; arrays have its shape.

    `gradient` is that of the loss, `movement` the sum over the steps of (what the step added to w) * (w before it);
    `output_axis` is where the kernel counts its filters, and `name` tells kernels of one shape apart.
    """

    name: str = ""
    output_axis: int = -1
    gradient: np.ndarray | None = None
    movement: np.ndarray | None = None


NO_STATISTICS = KernelStatistics()


@runtime_checkable
class Score(Protocol):
    """A rule for what the weights of a kernel are worth."""

    @property
    def needs(self) -> str:
        """What is measured before weights can be scored: NOTHING, GRADIENT or MOVEMENT."""

    @property
    def group(self) -> str:
        """Which weights share a score, and then go together: WEIGHT (each alone), SLICE or FILTER."""

    def __call__(self, kernel: np.ndarray, statistics: KernelStatistics = NO_STATISTICS) -> np.ndarray:
        """The worth of each weight; those with the least go first."""


def axes_of(group: str, num_axes: int, output_axis: int = -1) -> tuple[int, ...]:
    """The axes of a kernel that lie within a group.

    A kernel (h, w, in, out) has `out` filters of h * w * in weights, and in * out slices of h * w; the slice of a
    Dense kernel (in, out) is one weight.

    >>> [axes_of(group, 4) for group in ("layer", "filter", "slice", "weight")]
    [(0, 1, 2, 3), (0, 1, 2), (0, 1), ()]
    """
    every = tuple(range(num_axes))
    if group == FILTER:
        return tuple(axis for axis in every if axis != output_axis % num_axes)
    return {LAYER: every, SLICE: every[:-2], WEIGHT: ()}[group]


def group_size(shape: Sequence[int], group: str, output_axis: int = -1) -> int:
    """Weights in a group of a kernel of `shape`."""
    return math.prod(shape[axis] for axis in axes_of(group, len(shape), output_axis))


def mean_over_group(values: np.ndarray, group: str, output_axis: int = -1) -> np.ndarray:
    """Each entry replaced by its group's mean, the same shape."""
    import numpy as np

    axes = axes_of(group, values.ndim, output_axis)
    return np.broadcast_to(values.mean(axis=axes, keepdims=True), values.shape) if axes else values


def _required(seen: np.ndarray | None, owner: object, kind: str) -> np.ndarray:
    """`seen`, or an error that says what the score lacks."""
    if seen is None:
        raise InvalidValue(
            f"{type(owner).__name__} expects statistics with a {kind}. Received: none. "
            f"Give KernelStatistics({kind}=...)."
        )
    return seen


class _OfGroups:
    """A norm of each group of weights, which needs nothing but the kernel."""

    needs: ClassVar[str] = NOTHING

    group: str

    def __post_init__(self) -> None:
        expect(self.group in GROUPS, self, "group", f"must be one of {GROUPS}", f"Use {WEIGHT!r}.")


@dataclasses.dataclass(frozen=True)
class L1(_OfGroups):
    """Keeps the groups of weights of largest mean magnitude: S_g = sum over g of |w| / |g|.

    Of single weights this is magnitude pruning.

    Args:
      group: "weight", "slice" (what a filter reads of one input channel) or "filter". Defaults to "weight".

    Example:

    >>> import numpy as np
    >>> L1(group="filter")(np.array([[1.0, -3.0], [2.0, 0.0]]))  # two filters, the columns
    array([[1.5, 1.5],
           [1.5, 1.5]])

    Reference: Li et al., "Pruning filters for efficient ConvNets", 2017, https://arxiv.org/abs/1608.08710
    """

    group: str = WEIGHT

    def __call__(self, kernel: np.ndarray, statistics: KernelStatistics = NO_STATISTICS) -> np.ndarray:
        """S_g at each weight of g."""
        return mean_over_group(abs(kernel), self.group, statistics.output_axis)


@dataclasses.dataclass(frozen=True)
class L2(_OfGroups):
    """Keeps the groups of weights of largest root mean square: S_g = ||w_g||_2 / sqrt(|g|).

    Args:
      group: "weight", "slice" (what a filter reads of one input channel) or "filter". Defaults to "filter".

    Example:

    >>> import numpy as np
    >>> L2()(np.array([[3.0, 1.0], [3.0, -1.0]]))  # two filters, the columns
    array([[3., 1.],
           [3., 1.]])

    Reference: Wen et al., "Learning structured sparsity in deep neural networks", 2016,
    https://arxiv.org/abs/1608.03665
    """

    group: str = FILTER

    def __call__(self, kernel: np.ndarray, statistics: KernelStatistics = NO_STATISTICS) -> np.ndarray:
        """S_g at each weight of g."""
        return mean_over_group(kernel**2, self.group, statistics.output_axis) ** 0.5


@dataclasses.dataclass(frozen=True)
class GradientTimesWeight:
    """Keeps the weights whose loss would change most without them: S = |dL/dw * w|, L over `num_examples` examples.

    The gradient is that of the loss that is trained, a teacher's part of it and added terms included, on examples of
    the training split spread evenly over it, and is taken anew each time the mask is.

    Args:
      num_examples: examples that the gradient is averaged over, at least 1; all when there are fewer. Defaults to 512.

    Example:

    >>> import numpy as np
    >>> GradientTimesWeight()(np.array([5.0, -1.0]), KernelStatistics(gradient=np.array([0.1, 2.0])))
    array([0.5, 2. ])

    Reference: Lee, Ajanthan and Torr, "SNIP: single-shot network pruning based on connection sensitivity", 2019,
    https://arxiv.org/abs/1810.02340
    """

    needs: ClassVar[str] = GRADIENT
    group: ClassVar[str] = WEIGHT

    num_examples: int = 512

    def __post_init__(self) -> None:
        expect(self.num_examples >= 1, self, "num_examples", "must be at least 1", "Use 512.")

    def __call__(self, kernel: np.ndarray, statistics: KernelStatistics = NO_STATISTICS) -> np.ndarray:
        """S of each weight."""
        return abs(_required(statistics.gradient, self, GRADIENT) * kernel)


@dataclasses.dataclass(frozen=True)
class Movement:
    """Keeps the weights that training has moved away from zero: S = sum over the steps t of (w_t+1 - w_t) * w_t.

    The paper's score is -sum of (dL/dw)_t * w_t, which plain SGD with a constant rate gives but for that rate. Here the
    step that the optimizer took stands for the gradient, so that momentum, Adam and a decaying rate have their say, and
    no second backward pass is made. A weight once pruned stays so: the paper's straight-through estimate, by which
    it may return, is not followed. Score needs steps to look at: the schedule should begin late.

    Example:

    >>> import numpy as np
    >>> Movement()(np.array([5.0, 0.1]), KernelStatistics(movement=np.array([-0.2, 0.3])))  # the small one grows
    array([-0.2,  0.3])

    Reference: Sanh, Wolf and Rush, "Movement pruning: adaptive sparsity by fine-tuning", 2020,
    https://arxiv.org/abs/2005.07683
    """

    needs: ClassVar[str] = MOVEMENT
    group: ClassVar[str] = WEIGHT

    def __call__(self, kernel: np.ndarray, statistics: KernelStatistics = NO_STATISTICS) -> np.ndarray:
        """S of each weight."""
        return _required(statistics.movement, self, MOVEMENT)


@dataclasses.dataclass(frozen=True)
class Random:
    """Keeps weights by lot, S uniform in [0, 1): the control. The lot is the same each time one kernel is asked for.

    Args:
      seed: of the lot. Defaults to 0.

    Example:

    >>> import numpy as np
    >>> bool(np.all(Random()(np.ones(3)) == Random()(np.zeros(3))))
    True
    """

    needs: ClassVar[str] = NOTHING
    group: ClassVar[str] = WEIGHT

    seed: int = 0

    def __call__(self, kernel: np.ndarray, statistics: KernelStatistics = NO_STATISTICS) -> np.ndarray:
        """S of each weight."""
        import numpy as np

        return np.random.default_rng([self.seed, zlib.crc32(statistics.name.encode())]).random(kernel.shape)
