"""Whether and how a teacher's logits are kept on disk, and the name under which they are found again."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...core.contracts import FitWithViews
from ...core.describe import describe, fingerprint
from ...core.errors import expect

DTYPES = ("float16", "float32")


@dataclasses.dataclass(frozen=True)
class TeacherCache:
    """Keeps a teacher's logits on disk, so that each view of each example is asked for once, in all runs together.

    An example takes 2 bytes a class and 2 for its checksum. With `top_k` only the k largest logits are kept, 2 bytes
    and the number of the class each, and one logit that all other classes share: softmax gives those classes their
    right sum, spread evenly.

    Args:
      folder: where the folders of all teachers are. Defaults to None: tfcompress/teachers in XDG_CACHE_HOME, or in
        ~/.cache.
      top_k: how many of an example's logits are kept, at least 0; 0 keeps all. Defaults to 0.
      dtype: "float16", or "float32" to have the teacher's very numbers at twice the size. Defaults to "float16".

    Raises:
      InvalidValue: for a value out of range.

    Example:

    >>> TeacherCache("logits", top_k=10).top_k
    10

    References: Beyer et al., "Knowledge distillation: a good teacher is patient and consistent" (one view for both),
    2022, https://arxiv.org/abs/2106.05237; Shen and Xing, "A fast knowledge distillation framework for visual
    recognition" (logits kept, top k), 2022, https://github.com/szq0214/FKD
    """

    folder: str | Path | None = None
    top_k: int = 0
    dtype: str = "float16"

    def __post_init__(self) -> None:
        expect(isinstance(self.top_k, int) and self.top_k >= 0, self, "top_k", "must be at least 0", "Use 0, or 10.")
        expect(self.dtype in DTYPES, self, "dtype", f"must be one of {', '.join(DTYPES)}", "Use float16.")

    @property
    def root(self) -> Path:
        """The folder that holds the folders of all teachers."""
        if self.folder is not None:
            return Path(self.folder)
        return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "tfcompress" / "teachers"

    def identity(self) -> Any:
        """For the report: what is in the weights of a student, its logits' rounding; their folder is not."""
        return True if self == TeacherCache(self.folder) else {"top_k": self.top_k, "dtype": self.dtype}

    def place(self, teachers: Sequence[Any], fit: FitWithViews) -> tuple[Path, dict[str, Any]]:
        """The folder for these teachers' logits in the views of `fit`, and in words what its name stands for.

        Views do not depend on how many there are, so that trainings of any length share theirs.
        """
        about = {
            "teachers": [digest(teacher) for teacher in teachers],
            "data": digest_of_inputs(fit.data),
            "augment": describe([fit.augment, fit.seed] if fit.augment else []),
            "format": [self.top_k, self.dtype],
        }
        return self.root / fingerprint(about), about


def digest(model: Any) -> str:
    """A name for what a model computes: its layers, however they are called, their settings, and its weights."""
    try:
        kinds = _unnamed(model.get_config())
    except (NotImplementedError, ValueError):  # a layer of the user's own, or an operation, without settings
        kinds = [type(layer).__name__ for layer in model.layers]
    digest = hashlib.sha256(json.dumps(kinds, sort_keys=True, default=lambda value: type(value).__name__).encode())
    for weight in model.get_weights():
        digest.update(str(weight.shape).encode() + weight.tobytes())
    return digest.hexdigest()[:16]


def digest_of_inputs(data: Any) -> str:
    """A name for the training inputs as a model sees them: a folder may hold other images than it did."""
    import numpy as np

    inputs = np.ascontiguousarray(data.train.inputs)
    about = [inputs.shape, str(inputs.dtype), describe(data.scale), describe(data.offset)]
    return hashlib.blake2b(inputs.view(np.uint8), key=fingerprint(about).encode(), digest_size=8).hexdigest()


def _unnamed(config: Any) -> Any:
    """A configuration with numbers for the layers' names: Keras counts on over a session, dense, dense_1, dense_2."""
    names: dict[str, str] = {}

    def gather(value: Any) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("name"), str):
                names.setdefault(value["name"], f"#{len(names)}")
            for item in value.values():
                gather(item)
        elif isinstance(value, list | tuple):
            for item in value:
                gather(item)

    def replaced(value: Any, wiring: bool = False) -> Any:
        if isinstance(value, dict):
            return {key: replaced(item, wiring or key in _NAMING) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [replaced(item, wiring) for item in value]
        return names.get(value, value) if wiring and isinstance(value, str) else value

    gather(config)
    return replaced(config)


_NAMING = ("name", "inbound_nodes", "input_layers", "output_layers")  # where a configuration names layers
