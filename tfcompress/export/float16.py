"""float16: half the bytes; CPU kernels widen the weights to float32 when the file is loaded, GPUs compute in it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from ..backend.conversion import ConverterSettings
from ..core.types import Artifact
from .converting import convert
from .rewrites.recurrent import expect_form, mode_suffix


@dataclasses.dataclass(frozen=True)
class Float16:
    """Stores weights in float16; inputs, outputs and (on the CPU) arithmetic stay float32.

    Args:
      recurrent: the form of recurrent layers: "auto" is a loop, which starts anew in each call; "fused" is TFLite's
        LSTM operation, for microcontrollers, whose states stay from call to call until an app resets them; "unrolled"
        lays out at most 256 steps, for the GPU delegate. Defaults to "auto".

    Raises:
      InvalidValue: for a value out of range.

    Example:

    >>> Float16().mode
    'float16'
    """

    recurrent: str = "auto"

    def __post_init__(self) -> None:
        expect_form(self)

    @property
    def mode(self) -> str:
        """What the file is."""
        return "float16" + mode_suffix(self.recurrent)

    def convert(self, model: Any, data: Any, path: str | Path) -> Artifact:
        """Writes `path`, whole or not at all. Raises `ConversionFailed`, or `InvalidValue` for `recurrent`."""
        settings = ConverterSettings(optimize=True, types=("float16",))
        return convert(model, data, path, self.mode, settings, recurrent=self.recurrent)
