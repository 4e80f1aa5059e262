"""Digits: 1,797 handwritten digits of 8x8 pixels that come with scikit-learn, so that a first run needs no download."""

from __future__ import annotations

import dataclasses
from importlib import metadata
from typing import Any

from ..core.errors import expect
from ..core.examples.source import Split
from ..core.extras import require_extra
from ..core.types import Data


@dataclasses.dataclass(frozen=True)
class Digits(Data):
    """Handwritten digits, (8, 8, 1), ten classes: 1,437 to train on and 360 to test on, stratified by class.

    Args:
      num_examples: use only the first N of each split. Defaults to None: all.

    Example:

    >>> data = Digits(num_examples=100)
    >>> data.train.inputs.shape, data.test.targets.shape, data.model_inputs(data.test.inputs).max()
    ((100, 8, 8, 1), (100,), np.float32(1.0))

    Source: E. Alpaydin and C. Kaynak, "Optical recognition of handwritten digits", UCI, 1998,
    https://doi.org/10.24432/C50P49, as bundled by scikit-learn.
    """

    num_examples: int | None = None

    title = "scikit-learn digits"
    num_classes = 10
    input_shape = (8, 8, 1)
    scale = 1 / 16  # pixels are counts from 0 to 16

    def __post_init__(self) -> None:
        expect(
            self.num_examples is None or self.num_examples >= 1, self, "num_examples", "must be at least 1", "Use 256."
        )

    def identity(self) -> dict[str, Any] | None:
        """How many examples, and scikit-learn's version, which they come with; None where it is not installed."""
        try:
            version = metadata.version("scikit-learn")
        except metadata.PackageNotFoundError:
            return None
        return {"type": "Digits", "num_examples": self.num_examples, "scikit-learn": version}

    @property
    def num_train(self) -> int:
        """Examples to train on."""
        return min(1437, self.num_examples or 1437)

    def require(self) -> None:
        """Raises `MissingExtra` when scikit-learn is not installed."""
        require_extra("digits", "Digits")

    def load(self) -> tuple[Split, Split]:
        """Reads the training and the test split. Raises `MissingExtra`."""
        self.require()
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split

        digits = load_digits()
        images = digits.images.astype("uint8")[..., None]
        parts = train_test_split(images, digits.target, test_size=360, random_state=0, stratify=digits.target)
        train, test = Split(parts[0], parts[2]), Split(parts[1], parts[3])
        return train.head(self.num_examples), test.head(self.num_examples)
