"""Training as a technique of its own: for a baseline, a teacher, or fine-tuning."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Literal

from ..core.types import INT8_RANGES, Fit, Promise
from ..models_io.copying import copy_model


@dataclasses.dataclass(frozen=True)
class Train:
    """Training and nothing else: the baseline, a teacher, or fine-tuning.

    It promises nothing, and of what earlier stages made it keeps fake quantization only: plain training fills zeros.

    >>> Train().keeps
    frozenset({'int8 ranges'})
    """

    takes: ClassVar[Literal["fit"]] = "fit"

    @property
    def makes(self) -> frozenset[str]:
        """Nothing."""
        return frozenset()

    @property
    def keeps(self) -> frozenset[str]:
        """Fake quantization, which is part of the model."""
        return frozenset({INT8_RANGES})

    def promises(self, model: Any) -> tuple[Promise, ...]:
        """None."""
        return ()

    def apply(self, model: Any, fit: Fit) -> Any:
        """Gives a trained copy of `model`."""
        trained = copy_model(model)
        fit(trained)
        return trained
