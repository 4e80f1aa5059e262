"""float16: half the bytes; CPU kernels widen the weights to float32 when the file is loaded, GPUs compute in it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from ..backend.conversion import ConverterSettings
from ..core.types import Artifact
from .converting import convert


@dataclasses.dataclass(frozen=True)
class Float16:
    """Stores weights in float16; inputs, outputs and (on the CPU) arithmetic stay float32.

    >>> Float16().mode
    'float16'
    """

    @property
    def mode(self) -> str:
        """What the file is."""
        return "float16"

    def convert(self, model: Any, data: Any, path: str | Path) -> Artifact:
        """Writes `path`, whole or not at all. Raises `ConversionFailed`."""
        return convert(model, data, path, self.mode, ConverterSettings(optimize=True, types=("float16",)))
