"""Dynamic range: int8 weights, activations quantized on the fly by each kernel; no calibration."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from ..backend.conversion import ConverterSettings
from ..core.types import Artifact
from .converting import convert
from .rewrites.recurrent import expect_form, mode_suffix


@dataclasses.dataclass(frozen=True)
class DynamicRange:
    """Stores weights in int8; inputs and outputs stay float32. Small kernels (under 1,024 weights) stay float32 too.

    Args:
      recurrent: the form of recurrent layers: "auto" is a loop, which starts anew in each call; "fused" is TFLite's
        LSTM operation, for microcontrollers, whose states stay from call to call until an app resets them; "unrolled"
        lays out at most 256 steps, for the GPU delegate. Defaults to "auto".

    Raises:
      InvalidValue: for a value out of range.

    Example:

    >>> DynamicRange().mode
    'dynamic_range'
    """

    recurrent: str = "auto"

    def __post_init__(self) -> None:
        expect_form(self)

    @property
    def mode(self) -> str:
        """What the file is."""
        return "dynamic_range" + mode_suffix(self.recurrent)

    def convert(self, model: Any, data: Any, path: str | Path) -> Artifact:
        """Writes `path`, whole or not at all. Raises `ConversionFailed`, or `InvalidValue` for `recurrent`."""
        settings = ConverterSettings(optimize=True)
        return convert(model, data, path, self.mode, settings, recurrent=self.recurrent)
