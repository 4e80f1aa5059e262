"""Whether and how a teacher's logits are kept on disk, and the name under which they are found again."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...core.code import our_code
from ...core.contracts import FitWithViews
from ...core.describe import describe
from ...core.errors import InvalidValue, expect
from ...core.identity import NoIdentity, fingerprint, fingerprint_of_inputs

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

        Raises:
          InvalidValue: when nothing tells a teacher, or what makes the views, from another.
        """
        drawn = [fit.augment, fit.seed] if fit.augment else []
        try:
            about = {
                "teachers": [fingerprint(teacher) for teacher in teachers],
                "data": digest_of_inputs(fit.data),
                "augment": describe(drawn),
                "format": [self.top_k, self.dtype],
                "tfcompress": our_code(),
            }
            return self.root / fingerprint([about, drawn, type(fit)]), about
        except NoIdentity as error:
            raise InvalidValue(
                f"distilled.cache expects what can be told from another. Received: {error}; or use cache=False."
            ) from error


def digest_of_inputs(data: Any) -> str:
    """A name for the training inputs as a model sees them; their targets do not count."""
    return fingerprint([fingerprint_of_inputs(data.train), data.scale, data.offset])
