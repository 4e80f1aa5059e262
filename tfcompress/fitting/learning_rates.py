"""Learning rates over a training, as fractions of it, so that fewer epochs keep their shape."""

from __future__ import annotations

import dataclasses
from typing import Any

from ..backend.tensorflow import keras
from ..core.errors import expect


@dataclasses.dataclass(frozen=True)
class StepDecay:
    """A learning rate that is multiplied by `factor` at each of the fractions of training in `at`.

    >>> StepDecay(0.1).at
    (0.5, 0.75)
    """

    initial: float = 0.1
    factor: float = 0.1
    at: tuple[float, ...] = (0.5, 0.75)

    def __post_init__(self) -> None:
        expect(self.initial > 0, self, "initial", "must be above 0", "Use 0.1.")
        expect(0 < self.factor < 1, self, "factor", "must be in (0, 1)", "Use 0.1 to divide by ten.")
        in_order = bool(self.at) and list(self.at) == sorted(self.at) and all(0 < at < 1 for at in self.at)
        expect(in_order, self, "at", "must be fractions of training in (0, 1), in order", "Use (0.5, 0.75).")

    def over(self, steps: int) -> Any:
        """The Keras schedule for a training of `steps` optimizer steps."""
        boundaries = [round(at * steps) for at in self.at]
        rates = [self.initial * self.factor**power for power in range(len(self.at) + 1)]
        return keras.optimizers.schedules.PiecewiseConstantDecay(boundaries, rates)


@dataclasses.dataclass(frozen=True)
class CosineDecay:
    """A learning rate that falls from `initial` to 0 along half a cosine (Loshchilov and Hutter, "SGDR", 2017).

    >>> CosineDecay(0.05)
    CosineDecay(initial=0.05)
    """

    initial: float = 0.05

    def __post_init__(self) -> None:
        expect(self.initial > 0, self, "initial", "must be above 0", "Use 0.05.")

    def over(self, steps: int) -> Any:
        """The Keras schedule for a training of `steps` optimizer steps."""
        return keras.optimizers.schedules.CosineDecay(self.initial, decay_steps=max(steps, 1))


@dataclasses.dataclass(frozen=True)
class OneCycle:
    """A learning rate that rises to `peak` along a line and falls to 0 along half a cosine.

    Args:
      peak: the largest rate, above 0. Defaults to 0.1.
      warm_up: the fraction of training in which it rises, in (0, 1). Defaults to 0.25.

    >>> OneCycle(peak=0.4).warm_up
    0.25

    Reference: Smith and Topin, "Super-convergence", 2019, https://arxiv.org/abs/1708.07120
    """

    peak: float = 0.1
    warm_up: float = 0.25

    def __post_init__(self) -> None:
        expect(self.peak > 0, self, "peak", "must be above 0", "Use 0.1.")
        expect(0 < self.warm_up < 1, self, "warm_up", "must be in (0, 1)", "Use 0.25.")

    def over(self, steps: int) -> Any:
        """The Keras schedule for a training of `steps` optimizer steps."""
        rising = max(1, round(self.warm_up * steps))
        return keras.optimizers.schedules.CosineDecay(
            0.0, decay_steps=max(1, steps - rising), warmup_target=self.peak, warmup_steps=rising
        )
