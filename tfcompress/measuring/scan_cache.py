"""What a scan measured, kept in a file at once, so that a scan that was killed goes on where it was."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..core.code import our_code
from ..core.errors import InvalidValue
from ..core.identity import NoIdentity, fingerprint


class KeptPoints:
    """Measurements as lines of JSON, in a file named after what was measured, how, and on what.

    The file is replaced whole at each, so that it never holds half a line. Without a folder nothing is kept.

    Args:
      folder: where the file is, or None.
      kind: the file's name begins with it.
      model: what is measured; its layers and weights are in the file's name, and so is the code of tfcompress.
      how: all else that the measurements depend on, as `fingerprint` takes it.
      point: the dataclass of a measurement.
      key: the fields by which two measurements differ.

    Raises:
      InvalidValue: when nothing tells the model, or what it is measured on, from another.

    >>> Point = dataclasses.make_dataclass("Point", ["layer", "bits", "loss"])
    >>> kept = KeptPoints(None, "bits", None, [], Point, ("layer", "bits"))
    >>> kept.keep(Point("conv1", 4, 0.5)) == kept.find("conv1", 4), kept.find("conv1", 8)
    (True, None)
    """

    def __init__(
        self, folder: Path | str | None, kind: str, model: Any, how: Sequence[Any], point: type, key: Sequence[str]
    ) -> None:
        self._key = tuple(key)
        self._points: dict[tuple[Any, ...], Any] = {}
        self._path: Path | None = None
        if folder is not None:
            self._path = Path(folder) / f"{kind}-{_name(model, how)}.jsonl"
            if self._path.is_file():
                lines = self._path.read_text(encoding="utf-8").splitlines()
                self._points = {self._key_of(found): found for found in (point(**json.loads(line)) for line in lines)}

    def find(self, *key: Any) -> Any:
        """The measurement, or None when it is still to be made."""
        return self._points.get(key)

    def keep(self, point: Any) -> Any:
        """Writes it down, and gives it back."""
        self._points[self._key_of(point)] = point
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            lines = [json.dumps(dataclasses.asdict(known)) for known in self._points.values()]
            partial = self._path.with_name(f".partial-{self._path.name}")
            partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
            os.replace(partial, self._path)
        return point

    def _key_of(self, point: Any) -> tuple[Any, ...]:
        return tuple(getattr(point, name) for name in self._key)


def _name(model: Any, how: Sequence[Any]) -> str:
    layers = [layer.name for layer in model.layers]  # a fingerprint leaves them out, and measurements name them
    try:
        return fingerprint([model, layers, *how, our_code()])
    except NoIdentity as error:
        raise InvalidValue(f"cache expects what can be told from another. Received: {error}; or use None.") from error
