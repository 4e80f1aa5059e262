"""What was measured, kept in a file at once, so that a scan that was killed goes on where it was."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.describe import fingerprint
from .sensitivity_result import LayerAtBits

if TYPE_CHECKING:
    from ..core.types import Data
    from .quantizer import Quantizer


class KeptPoints:
    """Measurements as lines of JSON, in a file named after what was measured, how, and on what.

    The file is replaced whole at each, so that it never holds half a line. Without a folder nothing is kept.
    """

    def __init__(self, folder: Path | str | None, model: Any, data: Data, quantizer: Quantizer, *others: Any) -> None:
        self._points: dict[tuple[str, int], LayerAtBits] = {}
        self._path: Path | None = None
        if folder is not None:
            digest = hashlib.sha256(model.to_json().encode())
            for weight in model.get_weights():
                digest.update(weight.tobytes())
            name = fingerprint([digest.hexdigest(), data, quantizer, *others])
            self._path = Path(folder) / f"bits-{name}.jsonl"
            if self._path.is_file():
                lines = self._path.read_text(encoding="utf-8").splitlines()
                found = (LayerAtBits(**json.loads(line)) for line in lines)
                self._points = {(point.layer, point.bits): point for point in found}

    def find(self, layer: str, bits: int) -> LayerAtBits | None:
        """The measurement, or None when it is still to be made."""
        return self._points.get((layer, bits))

    def keep(self, point: LayerAtBits) -> LayerAtBits:
        """Writes it down, and gives it back."""
        self._points[point.layer, point.bits] = point
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            lines = [json.dumps(dataclasses.asdict(known)) for known in self._points.values()]
            partial = self._path.with_name(f".partial-{self._path.name}")
            partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
            os.replace(partial, self._path)
        return point
