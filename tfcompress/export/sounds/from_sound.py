"""A model of spectrograms as a file that takes sound, written beside the file that takes spectrograms, and compared."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ...core.errors import ConversionFailed
from ...core.remarks import remark
from ...core.tasks.metrics import closeness
from ...measuring.file_run import FileRun
from ..float32 import Float32
from .joining import joined
from .mel_network import mel_network

NUM_CLIPS = 100  # that are compared
MOST_DIFFERENCE = 1e-3  # of a spectrogram in [-1, 1]: 0.03 dB
LEAST_DB = 25.0  # of the outputs: a value that lies between two steps of int8 may be rounded to either


def write_from_sound(content: bytes, data: Any, path: Path) -> bytes:
    """Writes `path`, which takes clips (1, num_samples) in [-1, 1], as what `content` is for their spectrograms.

    Args:
      content: a .tflite that takes spectrograms, float32 or int8.
      data: with `features` (a `LogMel`) and `sample_clips`.
      path: of the file to be written, whole or not at all.

    Returns:
      The content of the file.

    Raises:
      ConversionFailed: when spectrograms or outputs are not those of the pipeline, on 100 recordings.
    """
    import numpy as np

    partial = path.with_name(f".partial-{path.name}")
    try:
        Float32().convert(mel_network(data.features), None, partial)
        front = partial.read_bytes()
        whole = joined(front, content)
        clips = np.asarray(data.sample_clips(NUM_CLIPS), "float32")
        expected = data.features.features(clips)
        made = _only(FileRun(front).outputs({"sound": clips}))
        difference = float(np.abs(made.reshape(expected.shape) - expected).max())
        if difference > MOST_DIFFERENCE:
            raise ConversionFailed(
                f"{path.name} must make the pipeline's spectrograms to {MOST_DIFFERENCE}. Received: a difference of "
                f"{difference:.2g} in {len(clips)} recordings. Use the file that takes spectrograms."
            )
        names = list(FileRun(content).inputs)
        ours = FileRun(whole).outputs({"sound": clips}).values()
        theirs = FileRun(content).outputs({names[0]: expected}).values()
        found = [closeness(exact, given) for exact, given in zip(theirs, ours, strict=True)]
        worst = min(each.sqnr_db for each in found)
        if worst < LEAST_DB and any(each.largest_difference > 0 for each in found):
            raise ConversionFailed(
                f"{path.name} must give what the file of spectrograms gives. Received: {worst:.1f} dB in {len(clips)} "
                "recordings. Use the file that takes spectrograms."
            )
        partial.write_bytes(whole)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    remark(
        f"{path.name} takes sound: its spectrograms differ from the pipeline's by {difference:.1g} at most, in "
        f"{len(clips)} recordings; {len(whole):,} bytes."
    )
    return whole


def _only(outputs: dict[str, Any]) -> Any:
    return next(iter(outputs.values()))
