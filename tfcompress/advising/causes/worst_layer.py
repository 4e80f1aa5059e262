"""The layer that loses most, where none of the causes that are known says why."""

from __future__ import annotations

from ...core.types import Advice
from ..evidence import KERNEL, Evidence
from .words import estimated, in_decibels


def worst_layer(evidence: Evidence) -> Advice | None:
    """Names it; of a file that is rough everywhere it says that."""
    if not evidence.is_rough or evidence.is_quantization_aware:
        return None
    guilty = evidence.guilty()
    if guilty is None:
        if evidence.predictions_db is None or not evidence.is_integer:
            return None
        return Advice(
            "rounding everywhere",
            f"The file's predictions are at {evidence.predictions_db:.1f} dB of the model's, their means left out, and "
            "no layer alone is the reason.",
            follow="train with QuantizeAware(), which learns with the rounding",
        )
    what = "kernel" if guilty.what == KERNEL else "output"
    return Advice(
        "worst layer",
        f"The {what} of {guilty.layer!r} {in_decibels(evidence, guilty)}.",
        guilty.layer,
        estimated(evidence, guilty),
        "train with QuantizeAware(), or leave this layer in float: "
        f'MixedPrecision(weight_bits=8, per_layer={{"{guilty.layer}": "float32"}})',
    )
