"""What a criterion is given: for the channels of one family, their slices of each weight."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np

    from ..graph.dependencies import ChannelGraph, Family


NOTHING, GRADIENTS, ACTIVATIONS = "nothing", "gradients", "activations"
KERNELS = frozenset({"kernel", "depthwise_kernel", "pointwise_kernel", "recurrent_kernel", "embeddings"})


@dataclasses.dataclass(frozen=True)
class Slice:
    """One weight seen channel by channel: row i of `rows`, of shape (channels, entries), belongs to channel i.

    `gradients` has the shape of `rows`; `activations`, of shape (channels,), is the mean size of what a kernel reads.
    Where channels have unlike numbers of entries the rows end in zeros.

    >>> import numpy as np
    >>> part = Slice("conv", "kernel", "takes", np.array([[3.0, -4.0], [1.0, 0.0]]))
    >>> part.rows.shape, part.sums(1), part.sums(2)
    ((2, 2), array([7., 1.]), array([25.,  1.]))
    """

    layer: str
    weight: str
    role: str  # "makes", "takes", or "carries", as graph/dependencies.py says
    entries: np.ndarray | Entries  # the rows, or where they lie
    gradients: np.ndarray | None = None
    activations: np.ndarray | None = None

    @property
    def is_kernel(self) -> bool:
        """Whether the weight is a kernel, not a bias or a scale."""
        return self.weight in KERNELS

    @cached_property
    def rows(self) -> np.ndarray:
        """The weight's entries, (channels, entries)."""
        return self.entries.rows() if isinstance(self.entries, Entries) else self.entries

    def sums(self, power: int) -> np.ndarray:
        """The sum of |entry|^power, power 1 or 2, over each row: (channels,). Rows are not made for that."""
        if isinstance(self.entries, Entries):
            return self.entries.sums(power)
        return (abs(self.entries) ** power).sum(axis=1)


@dataclasses.dataclass(frozen=True)
class Entries:
    """Where the rows of `count` channels lie in a weight: at i along `axis` is channel places[i], or none (-1)."""

    weight: Any  # an array, or a variable, which is read when its values are looked at: a criterion reads few
    axis: int
    places: np.ndarray
    count: int

    @cached_property
    def values(self) -> np.ndarray:
        """The weight's entries. Without a copy: they are only read, and a variable that changes gets a new buffer."""
        import numpy as np

        return np.asarray(self.weight.value() if hasattr(self.weight, "value") else self.weight)

    def rows(self, of: np.ndarray | None = None) -> np.ndarray:
        """The rows, (channels, entries), of `values` or of another array of its shape."""
        import numpy as np

        values = self.values if of is None else of
        mine = np.flatnonzero(self.places >= 0)
        order = mine[np.argsort(self.places[mine], kind="stable")]
        counts = np.bincount(self.places[order], minlength=self.count)
        entries = np.moveaxis(values, self.axis, 0).reshape(values.shape[self.axis], -1)[order]
        widest = int(counts.max())
        if (counts == widest).all():
            return entries.reshape(self.count, -1)
        rows = np.zeros((self.count, widest, entries.shape[1]), entries.dtype)
        offsets = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
        rows[self.places[order], offsets] = entries
        return rows.reshape(self.count, -1)

    def sums(self, power: int) -> np.ndarray:
        """What `Slice.sums` gives."""
        found = sums_along(self.values, self.axis, power)
        return self._gathered(found)

    def _gathered(self, found: np.ndarray) -> np.ndarray:
        """The sums of each channel's entries of an array of shape (length of the axis,)."""
        import numpy as np

        mine = self.places >= 0
        return np.bincount(self.places[mine], weights=found[mine], minlength=self.count)

    def means(self, found: np.ndarray) -> np.ndarray:
        """The means of each channel's entries of an array of shape (length of the axis,)."""
        import numpy as np

        mine = self.places >= 0
        counts = np.bincount(self.places[mine], minlength=self.count)
        return self._gathered(found) / np.maximum(counts, 1)


def sums_along(values: np.ndarray, axis: int, power: int) -> np.ndarray:
    """The sum of |v|^power, power 1 or 2, over all axes but one: (length of the axis,).

    >>> import numpy as np
    >>> sums_along(np.array([[3.0, -4.0], [1.0, 0.0]]), 1, 2)
    array([10., 16.])
    """
    import numpy as np

    axis %= values.ndim
    if power == 1:
        values = abs(values)
    letters = "abcdefgh"[: values.ndim]
    if power == 2:
        return np.einsum(f"{letters},{letters}->{letters[axis]}", values, values)
    return np.einsum(f"{letters}->{letters[axis]}", values)


@runtime_checkable
class Criterion(Protocol):
    """A rule for what each channel of a family is worth."""

    @property
    def needs(self) -> str:
        """What is measured on training examples first: NOTHING, GRADIENTS or ACTIVATIONS."""

    @property
    def comparable(self) -> bool:
        """Whether scores of different layers are in one unit; else each family's are divided by their mean."""

    def __call__(self, slices: Sequence[Slice], family: int = 0) -> np.ndarray | None:
        """The worth of each channel, (channels,); None when the slices do not tell. `family` counts the families."""


def family_slices(
    graph: ChannelGraph,
    family: Family,
    weights: Mapping[str, Sequence[Any]],
    gradients: Mapping[tuple[str, int], np.ndarray] | None = None,
    activations: Mapping[tuple[str, int, int], np.ndarray] | None = None,
) -> list[Slice]:
    """The slices of a family. `weights` are each layer's: arrays, or variables.

    Gradients go by (layer, position in its weights), activations by (layer, position, axis) of the weight that reads
    them.
    """
    import numpy as np

    places = np.full(graph.num_groups, -1)
    places[family.groups] = np.arange(len(family.groups))
    found = []
    for axis in graph.axes_of(family):
        weight = weights[axis.layer][axis.position]
        entries = Entries(weight, axis.axis, places[axis.groups], len(family.groups))
        gradient = None if gradients is None else gradients.get((axis.layer, axis.position))
        seen = None if activations is None else activations.get((axis.layer, axis.position, axis.axis))
        found.append(
            Slice(
                *(axis.layer, axis.weight, axis.role, entries),
                gradients=None if gradient is None else entries.rows(gradient),
                activations=None if seen is None else entries.means(seen),
            )
        )
    return found


def mean_of(parts: Sequence[np.ndarray]) -> np.ndarray | None:
    """The mean over weights of each channel's score; each weight's scores are first divided by their mean."""
    import numpy as np

    scaled = [part / part.mean() if part.mean() > 0 else part for part in parts]
    return np.mean(scaled, axis=0) if scaled else None


@dataclasses.dataclass(frozen=True)
class Activation:
    """A channel is worth the mean absolute value that the layers after it read of it, over training examples.

    s_i = mean_j a_j[i] / mean_i a_j[i] with a_j[i] = mean |x| of channel i where layer j reads it.

    Example:

    >>> import numpy as np
    >>> rows = np.zeros((2, 1))
    >>> Activation()([Slice("conv", "kernel", "takes", rows, activations=np.array([3.0, 1.0]))])
    array([1.5, 0.5])

    Reference: Hu, Peng, Tai and Tang, "Network trimming: a data-driven neuron pruning approach towards efficient deep
    architectures", 2016, https://arxiv.org/abs/1607.03250 (which counts zeros; here sizes are averaged, as in Molchanov
    et al., 2017, https://arxiv.org/abs/1611.06440)
    """

    @property
    def needs(self) -> str:
        """Activations on training examples."""
        return ACTIVATIONS

    @property
    def comparable(self) -> bool:
        """No: each layer's signal has a size of its own."""
        return False

    def __call__(self, slices: Sequence[Slice], family: int = 0) -> np.ndarray | None:
        """The worth of each channel on one batch."""
        return mean_of([part.activations for part in slices if part.activations is not None])


@dataclasses.dataclass(frozen=True)
class BatchNormScale:
    """A channel is worth the absolute scale that its batch normalization gives it.

    s_i = mean_j |gamma_j[i]| over the normalizations j of the channel. Layers without one are left whole.

    Example:

    >>> import numpy as np
    >>> BatchNormScale()([Slice("bn", "gamma", "makes", np.array([[-2.0], [0.5]]))])
    array([2. , 0.5])

    Reference: Liu, Li, Shen, Huang, Yan and Zhang, "Learning efficient convolutional networks through network
    slimming", 2017, https://arxiv.org/abs/1708.06519
    """

    @property
    def needs(self) -> str:
        """Nothing but the weights."""
        return NOTHING

    @property
    def comparable(self) -> bool:
        """Yes: normalized signals have one unit."""
        return True

    def __call__(self, slices: Sequence[Slice], family: int = 0) -> np.ndarray | None:
        """The worth of each channel; None without a scale."""
        import numpy as np

        scales = [abs(part.rows).mean(axis=1) for part in slices if part.weight == "gamma"]
        return np.mean(scales, axis=0) if scales else None


@dataclasses.dataclass(frozen=True)
class GeometricMedian:
    """A channel is worth the distance of its filter from all others: one in their midst can be replaced by them.

    s_i = sum_k |K[i] - K[k]|_2 for a kernel K of shape (channels, entries); over several kernels, their mean.

    Example:

    >>> import numpy as np
    >>> GeometricMedian()([Slice("conv", "kernel", "makes", np.array([[0.0], [1.0], [5.0]]))]) * 20 / 3
    array([6., 5., 9.])

    Reference: He, Liu, Wang, Hu and Yang, "Filter pruning via geometric median for deep convolutional neural networks
    acceleration", 2019, https://arxiv.org/abs/1811.00250
    """

    @property
    def needs(self) -> str:
        """Nothing but the weights."""
        return NOTHING

    @property
    def comparable(self) -> bool:
        """No: kernels of other shapes have other distances."""
        return False

    def __call__(self, slices: Sequence[Slice], family: int = 0) -> np.ndarray | None:
        """The worth of each channel."""
        return mean_of([distances(part.rows) for part in slices if part.is_kernel and part.role == "makes"])


def distances(rows: np.ndarray) -> np.ndarray:
    """The sum of each row's distances from all rows, by |a - b|^2 = |a|^2 + |b|^2 - 2 a b."""
    import numpy as np

    rows = rows.astype("float64")
    products = rows @ rows.T
    squares = np.diag(products)
    return np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * products, 0)).sum(axis=1)


@dataclasses.dataclass(frozen=True)
class L1:
    """A channel is worth the sum of its absolute weights, in all kernels that make it.

    For kernels K_1..K_m of a family, K_j of shape (channels, entries): s_i = mean_j |K_j[i]|_1 / mean_i |K_j[i]|_1.

    Args:
      readers: whether the kernels that read the channel count too. Defaults to False.

    Example:

    >>> import numpy as np
    >>> L1()([Slice("conv", "kernel", "makes", np.array([[1.0, -2.0], [0.0, 1.0]]))])
    array([1.5, 0.5])

    Reference: Li, Kadav, Durdanovic, Samet and Graf, "Pruning filters for efficient ConvNets", 2017,
    https://arxiv.org/abs/1608.08710
    """

    readers: bool = False

    @property
    def needs(self) -> str:
        """Nothing but the weights."""
        return NOTHING

    @property
    def comparable(self) -> bool:
        """No: kernels of other shapes have other norms."""
        return False

    def __call__(self, slices: Sequence[Slice], family: int = 0) -> np.ndarray | None:
        """The worth of each channel."""
        roles = ("makes", "takes") if self.readers else ("makes",)
        return mean_of([part.sums(1) for part in slices if part.is_kernel and part.role in roles])


@dataclasses.dataclass(frozen=True)
class L2:
    """A channel is worth the root of the sum of its squared weights, over all kernels of its group.

    For kernels K_1..K_m of a family, K_j of shape (channels, entries): s_i = mean_j |K_j[i]|_2 / mean_i |K_j[i]|_2.

    Args:
      readers: whether the kernels that read the channel count beside those that make it. Defaults to True.

    Example:

    >>> import numpy as np
    >>> L2()([Slice("conv", "kernel", "makes", np.array([[3.0, -4.0], [0.0, 15.0]]))])
    array([0.5, 1.5])

    Reference: Fang, Ma, Song, Mi and Wang, "DepGraph: towards any structural pruning", 2023,
    https://arxiv.org/abs/2301.12900
    """

    readers: bool = True

    @property
    def needs(self) -> str:
        """Nothing but the weights."""
        return NOTHING

    @property
    def comparable(self) -> bool:
        """No: kernels of other shapes have other norms."""
        return False

    def __call__(self, slices: Sequence[Slice], family: int = 0) -> np.ndarray | None:
        """The worth of each channel."""
        roles = ("makes", "takes") if self.readers else ("makes",)
        return mean_of([part.sums(2) ** 0.5 for part in slices if part.is_kernel and part.role in roles])


@dataclasses.dataclass(frozen=True)
class Lamp:
    """A channel is worth its squared norm over that of all channels of its layer that are at least as large.

    s_i = |K[i]|^2 / sum of |K[k]|^2 over the k with |K[k]| >= |K[i]|; so each layer's largest channel is worth 1, and
    no layer is emptied. The paper scores single weights; here the squares of a channel's group are summed first.

    Example:

    >>> import numpy as np
    >>> Lamp()([Slice("conv", "kernel", "makes", np.array([[1.0], [2.0], [3.0]]))]).round(4)
    array([0.0714, 0.3077, 1.    ])

    Reference: Lee, Park, Mo, Ahn and Shin, "Layer-adaptive sparsity for the magnitude-based pruning", 2021,
    https://arxiv.org/abs/2010.07611
    """

    @property
    def needs(self) -> str:
        """Nothing but the weights."""
        return NOTHING

    @property
    def comparable(self) -> bool:
        """Yes: that is what the score is made for."""
        return True

    def __call__(self, slices: Sequence[Slice], family: int = 0) -> np.ndarray | None:
        """The worth of each channel."""
        kernels = [part for part in slices if part.is_kernel and part.role == "makes"]
        return lamp(sum(part.sums(2) for part in kernels)) if kernels else None


def lamp(squares: np.ndarray) -> np.ndarray:
    """Each square over the sum of those that come after it in ascending order, itself included."""
    import numpy as np

    order = np.argsort(squares, kind="stable")
    ascending = squares[order].astype("float64")
    scores = np.empty(len(squares))
    scores[order] = ascending / np.maximum(np.cumsum(ascending[::-1])[::-1], np.finfo(float).tiny)
    return scores


@dataclasses.dataclass(frozen=True)
class Random:
    """A channel is worth a number drawn evenly from [0, 1).

    Args:
      seed: of the numbers; equal seeds prune alike. Defaults to 0.

    Example:

    >>> import numpy as np
    >>> scores = Random(seed=1)([Slice("conv", "kernel", "makes", np.zeros((3, 1)))])
    >>> scores.shape, bool((scores == Random(seed=1)([Slice("conv", "kernel", "makes", np.zeros((3, 1)))])).all())
    ((3,), True)

    Reference: Mittal, Bhardwaj, Khapra and Ravindran, "Recovering from random pruning", 2018,
    https://arxiv.org/abs/1801.10447
    """

    seed: int = 0

    @property
    def needs(self) -> str:
        """Nothing."""
        return NOTHING

    @property
    def comparable(self) -> bool:
        """Yes."""
        return True

    def __call__(self, slices: Sequence[Slice], family: int = 0) -> np.ndarray | None:
        """The worth of each channel."""
        import numpy as np

        return np.random.default_rng([self.seed, family]).random(len(slices[0].rows)) if slices else None


@dataclasses.dataclass(frozen=True)
class Taylor:
    """A channel is worth what the loss would change, to first order, were its weights zero.

    s_i = mean_b (sum over the weights w that make channel i of w * dL_b/dw)^2, over batches b of training examples.

    Example:

    >>> import numpy as np
    >>> rows, gradients = np.array([[1.0, 2.0], [3.0, 0.0]]), np.array([[1.0, -1.0], [1.0, 5.0]])
    >>> Taylor()([Slice("conv", "kernel", "makes", rows, gradients)])
    array([1., 9.])

    Reference: Molchanov, Mallya, Tyree, Frosio and Kautz, "Importance estimation for neural network pruning", 2019,
    https://arxiv.org/abs/1906.10771
    """

    @property
    def needs(self) -> str:
        """Gradients of the loss on training examples."""
        return GRADIENTS

    @property
    def comparable(self) -> bool:
        """Yes: all are changes of the one loss."""
        return True

    def __call__(self, slices: Sequence[Slice], family: int = 0) -> np.ndarray | None:
        """The worth of each channel on one batch."""
        import numpy as np

        made = [part for part in slices if part.role == "makes" and part.gradients is not None]
        return np.square(sum((part.rows * part.gradients).sum(axis=1) for part in made)) if made else None
