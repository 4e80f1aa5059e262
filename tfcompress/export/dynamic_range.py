"""Dynamic range: int8 weights, activations quantized on the fly by each kernel; no calibration."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from ..backend.conversion import ConverterSettings
from ..core.types import Artifact
from .converting import convert


@dataclasses.dataclass(frozen=True)
class DynamicRange:
    """Stores weights in int8; inputs and outputs stay float32. Small kernels (under 1,024 weights) stay float32 too.

    >>> DynamicRange().mode
    'dynamic_range'
    """

    @property
    def mode(self) -> str:
        """What the file is."""
        return "dynamic_range"

    def convert(self, model: Any, data: Any, path: str | Path) -> Artifact:
        """Writes `path`, whole or not at all. Raises `ConversionFailed`."""
        return convert(model, data, path, self.mode, ConverterSettings(optimize=True))
