"""Schedules: how much is pruned when, as fractions of training, so that one schedule fits any number of epochs.

s(t) is the sparsity at the fraction t of training, s_f the final one. `over(steps, s_f)` makes tfmot's schedule of a
training of `steps` steps, the first of which is 1: a callable (step) -> (whether a mask is due, its sparsity), which
`sparsity_at` asks for techniques with masks of their own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from ..backend.tensorflow import tf, tfmot
from ..core.errors import expect

NUM_UPDATES = 100  # a mask a hundred times renewed costs little, and even a short training gets each of its steps


def sparsity_at(schedule: Callable[[Any], Any], step: int) -> float:
    """The sparsity that `schedule` asks for at `step`, counted from 1; 0 when it asks for nothing.

    >>> schedule = Compounding(at=(0.5,)).over(10, 0.75)
    >>> [sparsity_at(schedule, step) for step in (4, 5, 6)]
    [0.0, 0.75, 0.0]
    """
    fires, sparsity = schedule(tf.constant(step, tf.int64))
    return float(sparsity) if bool(fires) else 0.0


def _expect_span(owner: Any) -> None:
    expect(0 <= owner.begin < 1, owner, "begin", "must be a fraction of training in [0, 1)", "Use 0.0.")
    expect(owner.begin < owner.end <= 1, owner, "end", "must be a fraction of training in (begin, 1]", "Use 0.6.")


@dataclasses.dataclass(frozen=True)
class PolynomialDecay:
    """Sparsity rises from `initial_sparsity` at `begin` to its final value at `end`, fast at first.

    s(t) = s_f + (s_i - s_f) * (1 - (t - begin) / (end - begin))^power

    Args:
      initial_sparsity: share of zeros at `begin`, in [0, 1). Defaults to 0.
      begin: fraction of training, in [0, 1). Defaults to 0.
      end: fraction of training, in (begin, 1]; the rest is left for the weights to recover. Defaults to 0.6.
      power: the exponent, above 0. Defaults to 3.

    Example:

    >>> PolynomialDecay(end=0.75)
    PolynomialDecay(initial_sparsity=0.0, begin=0.0, end=0.75, power=3.0)

    Reference: Zhu and Gupta, "To prune, or not to prune", 2017, https://arxiv.org/abs/1710.01878
    """

    initial_sparsity: float = 0.0
    begin: float = 0.0
    end: float = 0.6
    power: float = 3.0

    def __post_init__(self) -> None:
        expect(0 <= self.initial_sparsity < 1, self, "initial_sparsity", "must be in [0, 1)", "Use 0.0.")
        _expect_span(self)
        expect(self.power > 0, self, "power", "must be above 0", "Use 3.0.")

    def over(self, steps: int, final_sparsity: float) -> Any:
        """tfmot's schedule; `end` falls on an update, or the last rise of sparsity would never happen."""
        begin = max(1, round(self.begin * steps))
        length = max(1, round(self.end * steps) - begin)
        frequency = max(1, length // NUM_UPDATES)
        return tfmot.sparsity.keras.PolynomialDecay(
            initial_sparsity=min(self.initial_sparsity, final_sparsity),
            final_sparsity=final_sparsity,
            begin_step=begin,
            end_step=begin + length // frequency * frequency,
            power=self.power,
            frequency=frequency,
        )


@dataclasses.dataclass(frozen=True)
class ConstantSparsity:
    """The final sparsity at once: s(t) = s_f from `begin` on; the choice of weights is renewed until `end`.

    Args:
      begin: fraction of training, in [0, 1). Defaults to 0.
      end: fraction of training, in (begin, 1]. Defaults to 0.6.

    Example:

    >>> ConstantSparsity(begin=0.25)
    ConstantSparsity(begin=0.25, end=0.6)
    """

    begin: float = 0.0
    end: float = 0.6

    def __post_init__(self) -> None:
        _expect_span(self)

    def over(self, steps: int, final_sparsity: float) -> Any:
        """tfmot's schedule."""
        begin, end = max(1, round(self.begin * steps)), max(1, round(self.end * steps))
        frequency = max(1, (end - begin) // NUM_UPDATES)
        return tfmot.sparsity.keras.ConstantSparsity(final_sparsity, begin, max(begin, end), frequency)


@dataclasses.dataclass(frozen=True)
class Compounding:
    """The same share of what is left goes at each of the fractions of training in `at`.

    After k of n prunings the sparsity is 1 - (1 - s_f)^(k/n): with s_f = 0.875 and three prunings each halves what is
    left, 50, 75, 87.5 %. A fraction named twice prunes twice at that moment.

    Args:
      at: fractions of training, each in [0, 1), in order. Defaults to (0.25, 0.5, 0.75).

    Example:

    >>> Compounding(at=(0.75, 0.875, 0.875)).sparsity_after(1, 0.875)
    0.5
    """

    at: tuple[float, ...] = (0.25, 0.5, 0.75)

    def __post_init__(self) -> None:
        in_order = len(self.at) > 0 and list(self.at) == sorted(self.at) and all(0 <= at < 1 for at in self.at)
        expect(in_order, self, "at", "must be fractions of training in [0, 1), in order", "Use (0.25, 0.5, 0.75).")

    def sparsity_after(self, num_prunings: int, final_sparsity: float) -> float:
        """The share of zeros after the first `num_prunings` prunings."""
        return 1 - (1 - final_sparsity) ** (num_prunings / len(self.at))

    def over(self, steps: int, final_sparsity: float) -> Any:
        """tfmot's schedule."""
        moments = [max(1, round(at * steps)) for at in self.at]
        shares = [self.sparsity_after(number, final_sparsity) for number in range(len(moments) + 1)]

        class Compound(tfmot.sparsity.keras.PruningSchedule):
            """Prunes at `moments` only; `shares[k]` of a kernel is zero after k of them."""

            def __call__(self, step: Any) -> Any:
                passed = tf.reduce_sum(tf.cast(step >= tf.constant(moments, step.dtype), tf.int32))
                return tf.reduce_any(tf.equal(step, tf.constant(moments, step.dtype))), tf.gather(shares, passed)

            def get_config(self) -> dict[str, Any]:
                return {"class_name": "Compound", "config": {}}

        return Compound()
