"""Zeros that bring nothing: TFLite stores and multiplies them, and only zipping gains by them."""

from __future__ import annotations

from ...core.types import Advice
from ...running.report import Report
from ..causes.words import percent

MANY = 0.3  # of the kernels' entries
HARDLY = 0.85  # of the raw bytes that are left by zipping: int8 kernels with a third of zeros leave two thirds


def zeros(report: Report) -> Advice | None:
    """Looks at the smallest file: whether it has many zeros, and zips hardly smaller."""
    file = min(report.files, key=lambda each: each.zipped_bytes, default=None)
    if file is None or file.sparsity < MANY or file.zipped_bytes < HARDLY * file.raw_bytes:
        return None
    return Advice(
        "zeros",
        f"{percent(file.sparsity)} of the kernels' entries in {file.variant} are zero, and zipping leaves "
        f"{file.zipped_bytes:,} of {file.raw_bytes:,} bytes: most of the file is no kernel, or does not repeat; TFLite "
        "stores zeros and multiplies by them, so that neither the file nor its time is less.",
        None,
        None,
        "remove channels with PruneChannels(0.3), which makes kernels smaller, and keep zeros for what is zipped",
    )
