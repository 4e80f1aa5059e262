"""A kernel's weights before and after compression, counted between the same edges, and the grid they lie on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..measuring.kernel_match import Aligned

if TYPE_CHECKING:
    import numpy as np

NUM_BINS = 64
MOST_KERNELS = 24  # of a file, the largest ones


def weight_histograms(
    kernels: Sequence[Aligned], before: Mapping[str, list[np.ndarray]], bits: Mapping[str, int]
) -> list[dict[str, Any]]:
    """Of the largest kernels of a file the weights as they were and as they are, as JSON.

    Args:
      kernels: of the file, in the Keras model's unit.
      before: by layer, the kernels of the model that the run began with.
      bits: by the name of a kernel in the file, of its integers.
    """
    largest = sorted(kernels, key=lambda kernel: -kernel.stored.size)[:MOST_KERNELS]
    chosen = [each for each in kernels if any(each is one for one in largest)]
    return [_histogram(each, before.get(each.layer, []), bits.get(each.name, 8)) for each in chosen]


def _histogram(kernel: Aligned, candidates: Sequence[np.ndarray], bits: int) -> dict[str, Any]:
    """Counts in equal steps from -`largest` to `largest`, the largest magnitude of both.

    Zeros are counted beside, as they would hide everything else.
    """
    import numpy as np

    old = max(candidates, key=lambda values: (values.size == kernel.stored.size, values.size), default=None)
    after = kernel.stored.reshape(-1)
    parts = [after] if old is None else [after, old.reshape(-1).astype("float64")]
    most = max(float(abs(part).max()) if part.size else 0.0 for part in parts) or 1.0
    edges = np.linspace(-most, most, NUM_BINS + 1)
    integers = np.round(kernel.stored / kernel.steps[:, None]) if kernel.is_integer else None
    return {
        "layer": kernel.layer,
        "largest": most,
        "before": None if old is None else _counted(parts[1], edges),
        "after": _counted(after, edges),
        "grid": {"step": float(np.median(kernel.steps)), "num_levels": 2**bits - 1} if kernel.is_integer else None,
        "num_levels": None if integers is None else max(len(np.unique(row)) for row in integers),
    }


def _counted(values: np.ndarray, edges: np.ndarray) -> dict[str, Any]:
    """The counts of what is not zero, and how many zeros there are."""
    import numpy as np

    counts, _ = np.histogram(values[values != 0], edges)
    return {"counts": counts.tolist(), "num_zeros": int((values == 0).sum()), "num": int(values.size)}
