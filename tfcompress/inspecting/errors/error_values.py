"""What a comparison finds, as values: plain types only, so that `dataclasses.asdict` is its JSON."""

from __future__ import annotations

import dataclasses
from typing import Literal

from ...core.types import Advice

FORMAT = 1  # of the JSON; it grows by keys alone


@dataclasses.dataclass(frozen=True)
class Alone:
    """The network with this layer alone quantized, simulated in Keras: kernels of `bits`, its output of `output_bits`.

    SQNR in decibels, infinite (null in JSON) where nothing differs. `predictions_sqnr_db` is of the network's outputs.
    """

    bits: int
    output_bits: int | None
    kernel_sqnr_db: float
    kernel_cosine: float
    output_sqnr_db: float  # the layer's own output, by its kernels alone
    output_cosine: float
    predictions_sqnr_db: float
    top_1_agreement: float | None
    accuracy: float | None


@dataclasses.dataclass(frozen=True)
class InFile:
    """The operation of the .tflite that this layer is: `output_...` has the errors of all operations before it too."""

    op: str
    stored_as: str
    computes: str
    kernel_sqnr_db: float | None
    kernel_cosine: float | None
    output_sqnr_db: float | None
    output_cosine: float | None
    reason: str = ""  # why something is None


@dataclasses.dataclass(frozen=True)
class LayerErrors:
    """A layer with kernels; `in_file` is None without a file, or where no name in it is the layer's."""

    name: str
    type: str
    num_weights: int
    alone: Alone | None  # None where the file leaves the layer in float
    in_file: InFile | None


@dataclasses.dataclass(frozen=True)
class FilePredictions:
    """The file's predictions against the float model's, on the same examples."""

    sqnr_db: float
    cosine: float
    top_1_agreement: float | None
    accuracy: float | None
    num_kept: int  # examples whose tensors were compared, operation by operation


@dataclasses.dataclass(frozen=True)
class Errors:
    """Quantization error layer by layer."""

    file: str
    against: str
    measured_on: str
    num_examples: int
    accuracy: float | None  # the float model's; None without labels
    layers: tuple[LayerErrors, ...]
    predictions: FilePredictions | None
    advice: tuple[Advice, ...] = ()  # what to do next, the most telling first
    kind: Literal["errors"] = "errors"
    format: int = FORMAT

    def worst(self, count: int = 3) -> list[LayerErrors]:
        """The layers that, alone, change the predictions most."""
        found = [layer for layer in self.layers if layer.alone is not None]
        return sorted(found, key=lambda layer: layer.alone.predictions_sqnr_db if layer.alone else 0.0)[:count]
