"""Regularized training: a term of the loss makes weights small, what is small goes, and the rest recovers."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ..backend.tensorflow import keras, tf
from ..core.errors import NothingHappened, expect
from ..core.selection import Selectors, expect_selectors
from ..core.types import SPARSITY, Fit, Promise
from ..models_io.copying import copy_model
from .loss_terms import L1, WEIGHTS, Term
from .masks.masks import keep_largest
from .masks.units import Units, units
from .schedules import NUM_UPDATES

if TYPE_CHECKING:
    import numpy as np


PULL = 1.0  # times the mean size of a unit: how far the greatest strength found can carry it
FIRST, LEAST = 0.1, 0.001  # strengths tried, of the greatest
RANGE = 100.0  # what half of the turns, all upwards, multiply the strength by


def step_size(optimizer: Any) -> float:
    """How far a constant gradient of 1 moves a weight in a step, momentum's echo included."""
    momentum = getattr(optimizer, "momentum", 0.0)
    return float(keras.backend.get_value(optimizer.learning_rate)) / (1 - float(momentum or 0.0))


class Strength:
    """lambda, in a variable: fixed, or turned up while too little is small and down while too much is.

    Args:
      fixed: lambda, or None to find it.
      num_turns: how often it will be turned.
    """

    def __init__(self, fixed: float | None, num_turns: int) -> None:
        self.variable = tf.Variable(fixed or 0.0, trainable=False, dtype=tf.float32)
        self.last = fixed or 0.0  # before it was turned off
        self._fixed = fixed is not None
        self._factor = RANGE ** (2 / max(num_turns, 2))
        self._fraction = FIRST

    def turn(self, too_little: bool, greatest: float) -> None:
        """One turn, up or down, of a strength that is at most `greatest`."""
        if not self._fixed:
            fraction = self._fraction * (self._factor if too_little else 1 / self._factor)
            self._fraction = min(1.0, max(LEAST, fraction))
            self.last = self._fraction * greatest
            self.variable.assign(self.last)

    def off(self) -> None:
        """No term from now on."""
        self.variable.assign(0.0)

    def callback(self) -> Any:
        """Writes the last strength into the history, as "strength"."""
        return keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(strength=self.last))


@dataclasses.dataclass(frozen=True)
class Regularized:
    """Adds lambda * R(w) to the training loss, then zeroes what it made small, and removes channels so emptied.

    loss = task loss + lambda * sum over the kernels of R(w), for the first `end` of training. Then units go: weights
    (`L1`, `L2`), filters (`GroupLasso`) or channels of a batch normalization (`BatchNormL1`), and the rest of the
    training, without the term, recovers what they gave. A unit's size is relative to the mean size in its kernel
    when training starts, so that kernels of different scale compare.

    With a channel its filter's kernel and bias go, and gamma, beta and depthwise filters that follow it: a channel of
    zeros would else come out of them as a constant. What a small filter still gave is lost, which is what the
    recovery is for. At the end channels that are zero in all that makes them are removed, which changes no output; a
    channel that a sum couples with one that is alive stays, as zeros. By L1 and L2 only filters that happen to be empty
    are removed.

    Under a `distilled` fit the term is part of the student's own loss and counts with `student_loss_weight`.

    Args:
      term: `L1()`, `L2()`, `GroupLasso()` or `BatchNormL1()`. Defaults to `L1()`.
      strength: lambda, above 0; None to find it: it is turned up while the share of small units is behind a straight
        line to `final_sparsity` at `end`, and down while it is ahead, and written in the history. Defaults to None.
      final_sparsity: share of the units that go, those smallest, in (0, 1); None: all that are small, whatever share
        that is, which needs a strength. Defaults to 0.5.
      threshold: below which relative size a unit is small, in (0, 1). Defaults to 0.1.
      end: fraction of training, in (0, 1), at which the term ends and small units go. Defaults to 0.6.
      keep: selectors of layers (core/selection.py) that are neither regularized nor cut. Defaults to none. Filters of
        the layers that make the outputs are never cut.
      remove: whether emptied channels are removed, or stay as zeros. Defaults to True.

    Raises:
      InvalidValue: for a value out of range.

    Example:

    >>> from tfcompress.pruning.loss_terms import GroupLasso
    >>> Regularized(GroupLasso(), strength=1e-3, final_sparsity=None).threshold
    0.1

    References: those of the terms.
    """

    takes: ClassVar[Literal["fit"]] = "fit"

    term: Term = L1()
    strength: float | None = None
    final_sparsity: float | None = 0.5
    threshold: float = 0.1
    end: float = 0.6
    keep: Selectors = ()
    remove: bool = True

    def __post_init__(self) -> None:
        expect(isinstance(self.term, Term), self, "term", "must be a term of a loss", "Use L1().")
        if self.strength is not None:
            expect(self.strength > 0, self, "strength", "must be above 0, or None to find it", "Use 1e-4.")
        if self.final_sparsity is None:
            expect(self.strength is not None, self, "strength", "must be given without final_sparsity", "Use 1e-4.")
        else:
            share = self.final_sparsity
            expect(0 < share < 1, self, "final_sparsity", "must be in (0, 1), or None", "Use 0.5.")
        expect(0 < self.threshold < 1, self, "threshold", "must be a relative size in (0, 1)", "Use 0.1.")
        expect(0 < self.end < 1, self, "end", "must be a fraction of training in (0, 1)", "Use 0.6.")
        expect_selectors(self, "keep")

    @property
    def makes(self) -> frozenset[str]:
        """Zeros by L1 and L2; terms by channel change the structure, which no later stage can undo."""
        return frozenset({SPARSITY}) if self.term.acts_on == WEIGHTS else frozenset()

    @property
    def keeps(self) -> frozenset[str]:
        """Zeros by L1 and L2: those that come in stay."""
        return self.makes

    def promises(self, model: Any) -> tuple[Promise, ...]:
        """Zeros, without a number for any one kernel: it is the term that chooses where they are."""
        if self.term.acts_on != WEIGHTS:
            return ()
        found = units(model, WEIGHTS, self.keep, type(self).__name__)
        return (Promise(SPARSITY, 0.0, tuple(unit.name for unit in found)),)

    def apply(self, model: Any, fit: Fit) -> Any:
        """Gives a plain model with zeros, or with fewer channels, trained by `fit`.

        Raises:
          InvalidValue: when a selector of `keep` matches no layer.
          UnsupportedModel: when the model has nothing that the term acts on, or is quantization-aware.
          NothingHappened: when nothing became small, or no channel could be removed since all are coupled with others.
        """
        from .masks.finalize import finish
        from .masks.masking import Masking  # Keras classes: only now is TensorFlow needed

        trained = copy_model(model)
        found = units(trained, self.term.acts_on, self.keep, type(self).__name__)
        cut_at = max(1, round(self.end * fit.steps))
        strength = Strength(self.strength, min(cut_at, NUM_UPDATES))
        trained.add_loss(lambda: strength.variable * sum(self.term(unit.values()) for unit in found))
        means = {unit.name: self._sizes(unit).mean() for unit in found}
        cut: dict[str, np.ndarray] = {}

        def relative() -> dict[str, np.ndarray]:
            return {unit.name: self._sizes(unit) / max(means[unit.name], 1e-12) for unit in found}

        def choose(step: int, training: Any) -> dict[int, np.ndarray] | None:
            if step == cut_at:
                strength.off()
                cut.update(self._cut(relative()))
                return _masks(found, cut)
            if step < cut_at and self.strength is None and step % max(1, cut_at // NUM_UPDATES) == 0:
                wanted = self.final_sparsity * step / cut_at
                # In one step it must not carry a small unit past zero to where it is small no more.
                a_step = min(self.threshold, PULL / cut_at) * min(means.values())
                greatest = a_step / step_size(training.optimizer)
                strength.turn(_share_below(relative(), self.threshold) < wanted, greatest)
            return None

        fit(trained, callbacks=[Masking(_variables(found), choose), strength.callback()])
        gone = sum(int((~keep).sum()) for keep in cut.values())
        if gone == 0:
            smallest = min(float(sizes.min()) for sizes in relative().values())
            raise NothingHappened(
                f"Regularized expects {self.term.acts_on} below {self.threshold:g} of their mean size. Received: none "
                f"after {cut_at} of {fit.steps} steps; the smallest is at {smallest:.2g}. Raise strength or threshold, "
                "train longer, or give final_sparsity."
            )
        try:
            return finish(trained, fit, self.remove)
        except NothingHappened:
            if self.term.acts_on != WEIGHTS:
                raise
            return finish(trained, fit, remove=False)  # zeros are what was asked for

    def _sizes(self, unit: Units) -> np.ndarray:
        import numpy as np

        return self.term.sizes(np.asarray(unit.values()))

    def _cut(self, relative: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What is kept of each unit; the largest of a kernel always is."""
        import numpy as np

        guarded = {name: sizes.astype("float64") for name, sizes in relative.items()}
        for sizes in guarded.values():
            sizes.flat[sizes.argmax()] = np.inf
        if self.final_sparsity is not None:
            return keep_largest(guarded, self.final_sparsity)
        return {name: sizes >= self.threshold for name, sizes in guarded.items()}


def _variables(found: list[Units]) -> dict[int, Any]:
    return {id(variable): variable for unit in found for variable, _ in unit.parts}


def _masks(found: list[Units], keep: dict[str, np.ndarray]) -> dict[int, np.ndarray]:
    masks: dict[int, np.ndarray] = {}
    for unit in found:
        for variable, mask in unit.masks(keep[unit.name]):
            known = masks.get(id(variable))
            masks[id(variable)] = mask if known is None else known & mask
    return masks


def _share_below(relative: dict[str, np.ndarray], threshold: float) -> float:
    small = sum(int((sizes < threshold).sum()) for sizes in relative.values())
    return small / sum(sizes.size for sizes in relative.values())
