"""What is known of a model and of the file made of it, as plain values: the causes are functions of these alone."""

from __future__ import annotations

import dataclasses
import math

OUTPUT, KERNEL = "output", "kernel"
LEVELS = 256  # of an int8 grid
ROUGH_DB = 20.0  # of a file's predictions, centred, as exporters remark it: healthy int8 files have 30 and more
MOST_DB = 45.0  # that an estimate promises: what was not tried alone is rounded too
GUILTY = 0.3  # of the file's noise: less is no cause of its own


@dataclasses.dataclass(frozen=True)
class Rounded:
    """One thing that the file rounds, an output of a layer or its kernel, and what that alone does to the predictions.

    Attributes:
      what: "output" or "kernel".
      op: the file's operation.
      scales: how many scales it has: one, or one for each channel of a kernel.
      low, high: the ends of the file's grid, as real numbers.
      least, largest: what the float model has.
      usual: the magnitude that 99 of 100 numbers do not exceed.
      channels: the largest magnitude in each channel.
      two_sided: whether its largest channel has large numbers of both signs.
      levels: how many of the grid's levels are used.
      clipped: the share of numbers outside of the grid.
      clipping: the share of the noise that these make.
      farthest: the examples that go farthest beyond the grid, by their numbers in the test split.
      own_db: SQNR of it.
      predictions_db: SQNR of the predictions of the float model with this alone rounded, centred; None: not tried.
      can_be_equalized: whether a scale can be moved to the layer behind.
    """

    layer: str
    type: str
    op: str
    what: str = OUTPUT
    scales: int = 1
    low: float = 0.0
    high: float = 0.0
    least: float = 0.0
    largest: float = 0.0
    usual: float = 1.0
    channels: tuple[float, ...] = ()
    two_sided: bool = False
    levels: int = LEVELS
    clipped: float = 0.0
    clipping: float = 0.0
    farthest: tuple[int, ...] = ()
    own_db: float = math.inf
    predictions_db: float | None = None
    can_be_equalized: bool = False


@dataclasses.dataclass(frozen=True)
class FileOp:
    """An operation of the file: the layer that its output is named after, and who runs it.

    Attributes:
      arithmetic: "int8", "float32", "conversion", "hybrid", ... (inspecting/tflite/operation.py).
      numbers: how many it gives.
      constant_bytes: of its weights.
      stored_as: the type of its weights, "" without any.
      on_xnnpack: whether XNNPACK takes it; None where nobody asked.
      inputs, outputs: numbers of tensors.
      covers: whether it is a pooling over all of the image.
    """

    number: int
    op: str
    arithmetic: str
    layer: str | None = None
    numbers: int = 0
    macs: int = 0
    constant_bytes: int = 0
    stored_as: str = ""
    on_xnnpack: bool | None = None
    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()
    covers: bool = False


@dataclasses.dataclass(frozen=True)
class InputRange:
    """An input of the file: the ends of its grid (None for a float one), and what the data gives."""

    name: str
    low: float | None
    high: float | None
    least: float
    largest: float


@dataclasses.dataclass(frozen=True)
class Order:
    """Classes of the model that are other classes of the data.

    Attributes:
      accuracy: as the data's labels are.
      renumbered: with the best order, found on one half of the examples, and measured on the other.
      order: by class of the model, the class of the data that it is.
    """

    accuracy: float
    renumbered: float
    order: tuple[int, ...]
    num_examples: int


@dataclasses.dataclass(frozen=True)
class OtherScale:
    """Inputs changed, and the accuracy that the model then has."""

    change: str
    accuracy: float
    as_given: float
    num_examples: int


@dataclasses.dataclass(frozen=True)
class Evidence:
    """All that is known; what was not measured is empty or None.

    Attributes:
      mode: of the file, as exporters name it.
      predictions_db: SQNR of the file's predictions against the model's, centred over the examples.
      rounded: what the file rounds, the worst first.
    """

    mode: str = ""
    raw_bytes: int = 0
    zipped_bytes: int = 0
    num_examples: int = 0
    predictions_db: float | None = None
    operations: tuple[FileOp, ...] = ()
    rounded: tuple[Rounded, ...] = ()
    inputs: tuple[InputRange, ...] = ()
    order: Order | None = None
    other_scale: OtherScale | None = None
    is_quantization_aware: bool = False

    @property
    def is_rough(self) -> bool:
        """Whether the file's predictions are further from the model's than int8 needs to be."""
        return self.predictions_db is not None and self.predictions_db < ROUGH_DB

    @property
    def is_integer(self) -> bool:
        """Whether the file computes in integers, most of it."""
        kinds = [op.arithmetic for op in self.operations if op.arithmetic != "conversion"]
        return 2 * sum(kind.startswith(("int", "uint")) for kind in kinds) > len(kinds)

    def share_of(self, rounded: Rounded) -> float:
        """The share of the file's noise that one thing makes alone: of powers, as decibels are logarithms of them.

        >>> worst = Rounded("a", "Conv2D", "CONV_2D", predictions_db=23.0103)
        >>> Evidence(predictions_db=20.0).share_of(worst).__round__(3)
        0.5
        """
        if self.predictions_db is None or rounded.predictions_db is None:
            return 0.0
        return float(10 ** ((self.predictions_db - rounded.predictions_db) / 10))

    def guilty(self) -> Rounded | None:
        """What makes most of the file's noise, where the file is rough."""
        known = [each for each in self.rounded if each.predictions_db is not None]
        worst = min(known, key=lambda each: each.predictions_db or 0.0, default=None)
        return worst if worst is not None and self.is_rough and self.share_of(worst) >= GUILTY else None

    def without(self, rounded: Rounded) -> float:
        """The SQNR that is left when one thing is rounded no more: the noise powers of the others added up."""
        if self.predictions_db is None:
            return math.nan
        others = [
            each.predictions_db for each in self.rounded if each is not rounded and each.predictions_db is not None
        ]
        power = sum(10 ** (-decibels / 10) for decibels in others)
        estimate = -10 * math.log10(max(power, 10 ** (-MOST_DB / 10)))
        return max(self.predictions_db, estimate)
