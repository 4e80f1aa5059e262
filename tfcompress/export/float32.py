"""float32: the model as it is, the yardstick of all other exports."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from ..backend.conversion import ConverterSettings
from ..core.types import Artifact
from .converting import convert


@dataclasses.dataclass(frozen=True)
class Float32:
    """Writes weights and activations in float32.

    >>> Float32().mode
    'float32'
    """

    @property
    def mode(self) -> str:
        """What the file is."""
        return "float32"

    def convert(self, model: Any, data: Any, path: str | Path) -> Artifact:
        """Writes `path`, whole or not at all. Raises `ConversionFailed`."""
        return convert(model, data, path, self.mode, ConverterSettings())
