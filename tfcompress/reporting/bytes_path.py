"""How the bytes went: from the first file as it is stored to the smallest one zipped, a step for each cause."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..core.types import CHANNELS, CLUSTERS, INT8_RANGES, LEVELS, SPARSITY
from ..running.records import FileRecord, StageRecord

if TYPE_CHECKING:
    import numpy as np

MOST_BYTES = 256 << 20  # of float32 weights that are zipped to see what a stage made of them
_WORDS = {CHANNELS: "channels", SPARSITY: "zeros", CLUSTERS: "clusters", LEVELS: "levels"}
_MODES = {"float16": "float16", "dynamic_range": "int8 weights", "float32": "rest"}


def zipped_weights(weights: Sequence[np.ndarray]) -> int | None:
    """The bytes of a model's weights in float32 after DEFLATE at level 9; None where they are too many to try."""
    if sum(array.size for array in weights) * 4 > MOST_BYTES:
        return None
    packer, size = zlib.compressobj(9), 0
    for array in weights:
        size += len(packer.compress(array.astype("float32").tobytes()))
    return size + len(packer.flush())


def lineage(stages: Sequence[StageRecord], name: str, first: str) -> list[StageRecord]:
    """The stages from `first` to the one of this `name`, each made of the one before; none where that is not so."""
    by_name = {stage.name: stage for stage in stages}
    path: list[StageRecord] = []
    at: str | None = name
    while at in by_name and by_name[at] not in path:
        path.insert(0, by_name[at])
        if at == first:
            return path
        at = by_name[at].start
    return []


def bytes_path(
    stages: Sequence[StageRecord], files: Sequence[FileRecord], zipped: Mapping[str, int | None]
) -> list[dict[str, Any]]:
    """The steps of a waterfall, each with the `bytes` after it and the `change` that it made.

    The ends are measured files. What lies between is measured on the stages' weights, zipped as float32: a stage's step
    is by how much these became smaller. The last step is all that is left to the smallest file: its arithmetic, and
    what the files hold beside weights.

    Args:
      stages: of the run.
      files: of the run, at least one.
      zipped: by stage, what `zipped_weights` gives.

    Returns:
      `step`, `bytes`, `change` and `how` ("file": read off a file; "weights": of the stages' weights) of each; the
      first is the first file, and the last the smallest zipped one. Empty where there is one file alone.
    """
    if len(files) < 2:
        return []
    first, last = files[0], min(files[1:], key=lambda file: file.zipped_bytes)
    level = first.zipped_bytes
    steps = [
        {"step": f"{first.variant}, stored", "bytes": first.raw_bytes, "change": first.raw_bytes, "how": "file"},
        {"step": "zip", "bytes": level, "change": level - first.raw_bytes, "how": "file"},
    ]
    path = lineage(stages, last.stage, first.stage)
    for before, stage in zip(path, path[1:], strict=False):
        pair = zipped.get(before.name), zipped.get(stage.name)
        made = _made(before, stage)
        if made and pair[0] is not None and pair[1] is not None:
            level += pair[1] - pair[0]
            steps.append({"step": made, "bytes": level, "change": pair[1] - pair[0], "how": "weights"})
    arithmetic = _MODES.get(last.mode, last.mode)
    steps.append({"step": arithmetic, "bytes": last.zipped_bytes, "change": last.zipped_bytes - level, "how": "file"})
    return steps


def _made(before: StageRecord, stage: StageRecord) -> str:
    """What a stage promised beyond the one before it, in words; empty where weights stay what they were."""
    kinds = [promise.kind for promise in stage.promises[len(before.promises) :]]
    if INT8_RANGES in kinds:  # its weights are rounded in the file alone
        kinds = [kind for kind in kinds if kind != LEVELS]
    words = [_WORDS[kind] for kind in dict.fromkeys(kinds) if kind in _WORDS]
    return f"{', '.join(words)} ({stage.name})" if words else ""
