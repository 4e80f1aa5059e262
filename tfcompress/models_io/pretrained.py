"""Trained models that come with tfcompress, and what is known of each: its pixels, its accuracy, its command."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import Any

from ..core.errors import expect
from ..core.remarks import remark
from ..core.selection import near

SUFFIX = ".tfcp"


@dataclasses.dataclass(frozen=True)
class Pretrained:
    """A trained model from saved_models/; calling it gives the model, so that a stage can start from it.

    What it says of itself goes into the report: for which pixels it was made, how accurate it was on them, and the
    command that made it. Nothing is downloaded.

    Args:
      name: one of `pretrained_models()`. Defaults to "cifar10_fast_resnet", a teacher.

    Raises:
      InvalidValue: when there is no model of this name.

    Example:

    >>> Pretrained("cifar10_simple_cnn")().count_params()
    136874
    >>> Pretrained("cifar10_simple_cnn").about["pixels"]
    'CIFAR-10 (JPEG copy)'
    """

    name: str = "cifar10_fast_resnet"

    def __post_init__(self) -> None:
        known = pretrained_models()
        fix = f"Use one of: {near(self.name, known)}."
        expect(self.name in known, self, "name", "must be a model that comes with tfcompress", fix)

    def __call__(self) -> Any:
        """The model; its origin is remarked."""
        from .packing import load_packed

        model = load_packed(self._file)
        remark(self.origin)
        return model

    def identity(self) -> dict[str, Any]:
        """For the report: which weights."""
        return {
            "type": "Pretrained",
            "name": self.name,
            "sha256": hashlib.sha256(self._file.read_bytes()).hexdigest()[:16],
        }

    @property
    def origin(self) -> str:
        """Where it comes from, in a sentence."""
        about = self.about
        return (
            f"{self.name} comes with tfcompress, trained on {about['pixels']} by `{about['command']}`: "
            f"{about['accuracy']:.2%} of {about['num_examples']:,} test examples there."
        )

    @cached_property
    def about(self) -> dict[str, Any]:
        """`pixels`, `accuracy`, `num_examples`, `command`, `seconds`, `versions`, and `history`, by epoch."""
        return json.loads(self._file.with_suffix(".json").read_text(encoding="utf-8"))

    @property
    def _file(self) -> Path:
        return _folder() / f"{self.name}{SUFFIX}"


def pretrained_models() -> tuple[str, ...]:
    """The names of the models that come with tfcompress.

    >>> "cifar10_fast_resnet" in pretrained_models()
    True
    """
    return tuple(sorted(path.stem for path in _folder().glob(f"*{SUFFIX}")))


def _folder() -> Path:
    """Inside the package when installed, beside it in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "saved_models"
    return installed if installed.is_dir() else package.parent / "saved_models"
