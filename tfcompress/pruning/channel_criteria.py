"""Channel criteria: what each channel of a family of coupled channels is worth; those worth least are removed.

A family's weights come as slices (channel_slices.py): K_j, of shape (channels, entries), is its j-th kernel, and K_j[i]
what belongs to channel i. A score s_i is 0 or more, and larger is better. Where a formula divides by mean_i, each
kernel's scores are divided by their mean before the mean over the kernels is taken, so that a large kernel says no more
than a small one. Scores that are not comparable between families are divided by their family's mean when ranked.

A criterion of your own is any object with `needs`, `comparable` and `__call__`, as `Criterion` says.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

from .channel_slices import Slice

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    *("L1", "L2", "Lamp", "GeometricMedian", "BatchNormScale", "Activation", "Taylor", "Random"),
    *("Criterion", "Slice", "NOTHING", "GRADIENTS", "ACTIVATIONS"),
]

NOTHING, GRADIENTS, ACTIVATIONS = "nothing", "gradients", "activations"


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


def relative_mean(parts: Sequence[np.ndarray]) -> np.ndarray | None:
    """mean_j s_j[i] / mean_i s_j[i], shape (channels,), of the scores s_j of each kernel; None where there are none.

    >>> import numpy as np
    >>> relative_mean([np.array([1.0, 3.0]), np.array([30.0, 10.0])])
    array([1., 1.])
    """
    import numpy as np

    scaled = [part / part.mean() if part.mean() > 0 else part for part in parts]
    return np.mean(scaled, axis=0) if scaled else None


def summed_distances(rows: np.ndarray) -> np.ndarray:
    """sum_k |K[i] - K[k]|_2 of each row K[i], by |a - b|^2 = |a|^2 + |b|^2 - 2 a b.

    >>> import numpy as np
    >>> summed_distances(np.array([[0.0], [1.0], [5.0]]))
    array([6., 5., 9.])
    """
    import numpy as np

    rows = rows.astype("float64")
    products = rows @ rows.T
    squares = np.diag(products)
    return np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * products, 0)).sum(axis=1)


def lamp_scores(squares: np.ndarray) -> np.ndarray:
    """Each square over the sum of those that come after it in ascending order, itself included.

    >>> import numpy as np
    >>> lamp_scores(np.array([9.0, 1.0, 4.0])).round(4)
    array([1.    , 0.0714, 0.3077])
    """
    import numpy as np

    order = np.argsort(squares, kind="stable")
    ascending = squares[order].astype("float64")
    scores = np.empty(len(squares))
    scores[order] = ascending / np.maximum(np.cumsum(ascending[::-1])[::-1], np.finfo(float).tiny)
    return scores


def _kernels(slices: Sequence[Slice], readers: bool = False) -> list[Slice]:
    """The kernels that make the channels, and with `readers` those that take them."""
    roles = ("makes", "takes") if readers else ("makes",)
    return [part for part in slices if part.is_kernel and part.role in roles]


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

    needs: ClassVar[str] = NOTHING
    comparable: ClassVar[bool] = False  # kernels of other shapes have other norms

    readers: bool = False

    def __call__(self, slices: Sequence[Slice], family: int = 0) -> np.ndarray | None:
        """The worth of each channel."""
        return relative_mean([part.sums(1) for part in _kernels(slices, self.readers)])


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

    needs: ClassVar[str] = NOTHING
    comparable: ClassVar[bool] = False  # kernels of other shapes have other norms

    readers: bool = True

    def __call__(self, slices: Sequence[Slice], family: int = 0) -> np.ndarray | None:
        """The worth of each channel."""
        return relative_mean([part.sums(2) ** 0.5 for part in _kernels(slices, self.readers)])


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

    needs: ClassVar[str] = NOTHING
    comparable: ClassVar[bool] = True  # that is what the score is made for

    def __call__(self, slices: Sequence[Slice], family: int = 0) -> np.ndarray | None:
        """The worth of each channel."""
        import numpy as np

        kernels = _kernels(slices)
        return lamp_scores(np.sum([part.sums(2) for part in kernels], axis=0)) if kernels else None


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

    needs: ClassVar[str] = NOTHING
    comparable: ClassVar[bool] = False  # kernels of other shapes have other distances

    def __call__(self, slices: Sequence[Slice], family: int = 0) -> np.ndarray | None:
        """The worth of each channel."""
        return relative_mean([summed_distances(part.rows) for part in _kernels(slices)])


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

    needs: ClassVar[str] = NOTHING
    comparable: ClassVar[bool] = True  # normalized signals have one unit

    def __call__(self, slices: Sequence[Slice], family: int = 0) -> np.ndarray | None:
        """The worth of each channel; None without a scale."""
        import numpy as np

        scales = [abs(part.rows).mean(axis=1) for part in slices if part.weight == "gamma"]
        return np.mean(scales, axis=0) if scales else None


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

    needs: ClassVar[str] = ACTIVATIONS
    comparable: ClassVar[bool] = False  # each layer's signal has a size of its own

    def __call__(self, slices: Sequence[Slice], family: int = 0) -> np.ndarray | None:
        """The worth of each channel on one batch."""
        return relative_mean([part.activations for part in slices if part.activations is not None])


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

    needs: ClassVar[str] = GRADIENTS
    comparable: ClassVar[bool] = True  # all are changes of the one loss

    def __call__(self, slices: Sequence[Slice], family: int = 0) -> np.ndarray | None:
        """The worth of each channel on one batch."""
        import numpy as np

        made = [part for part in slices if part.role == "makes" and part.gradients is not None]
        return np.square(sum((part.rows * part.gradients).sum(axis=1) for part in made)) if made else None


@dataclasses.dataclass(frozen=True)
class Random:
    """A channel is worth a number drawn evenly from [0, 1): the control.

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

    needs: ClassVar[str] = NOTHING
    comparable: ClassVar[bool] = True

    seed: int = 0

    def __call__(self, slices: Sequence[Slice], family: int = 0) -> np.ndarray | None:
        """The worth of each channel."""
        import numpy as np

        return np.random.default_rng([self.seed, family]).random(len(slices[0].rows)) if slices else None
