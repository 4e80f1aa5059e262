"""One sound file as samples in [-1, 1], mono, at the rate that is asked for."""

from __future__ import annotations

import math
import struct
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.errors import DataCorrupt
from ...core.extras import require_extra

if TYPE_CHECKING:
    import numpy as np

WAV, OTHERS = (".wav", ".wave"), (".flac", ".ogg")  # the second by soundfile
SUFFIXES = (*WAV, *OTHERS)
LEAST_SAMPLES = 2  # less says nothing
_FULL_SCALE = {"int16": 2.0**15, "int32": 2.0**31}  # 24 bits come as the upper ones of int32


def read_recording(path: Path, sample_rate: int) -> np.ndarray:
    """Reads WAV (8, 16, 24, 32 bits, or float) by SciPy, FLAC and OGG by soundfile; channels are averaged.

    Args:
      path: the file.
      sample_rate: of the result, in Hz; another rate is resampled by a polyphase filter.

    Returns:
      Samples (n,), float32, in [-1, 1].

    Raises:
      DataCorrupt: for a file that is cut off, empty, or no sound file; the message names it.
      MissingExtra: for FLAC or OGG without soundfile.
    """
    import numpy as np
    from scipy.signal import resample_poly

    rate, samples = _wav(path) if path.suffix.lower() in WAV else _by_soundfile(path)
    sound = samples.mean(1) if samples.ndim == 2 else samples
    if len(sound) < LEAST_SAMPLES:
        raise _corrupt(path, f"it has {len(sound)} samples")
    if not np.isfinite(sound).all():
        raise _corrupt(path, "some of its samples are no finite numbers")
    if rate != sample_rate:
        shared = math.gcd(rate, sample_rate)
        sound = resample_poly(sound, sample_rate // shared, rate // shared)
    return sound.astype("float32").clip(-1, 1)


def _wav(path: Path) -> tuple[int, np.ndarray]:
    """(rate, samples in [-1, 1])."""
    from scipy.io import wavfile

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wavfile.WavFileWarning)  # chunks of text, which are no sound
            warnings.filterwarnings("error", "Reached EOF prematurely", wavfile.WavFileWarning)
            rate, samples = wavfile.read(path)
    except (
        ValueError,
        OSError,
        EOFError,
        struct.error,
        ArithmeticError,
        UnboundLocalError,
        wavfile.WavFileWarning,
    ) as error:
        raise _corrupt(path, _reason(error)) from error
    if rate <= 0:
        raise _corrupt(path, f"its sample rate is {rate}")
    if samples.dtype == "uint8":
        return int(rate), (samples.astype("float64") - 128) / 128
    return int(rate), samples / _FULL_SCALE.get(str(samples.dtype), 1.0)


def _by_soundfile(path: Path) -> tuple[int, np.ndarray]:
    require_extra("audio", f"{path.suffix} files")
    import soundfile

    try:
        samples, rate = soundfile.read(path, dtype="float64")
    except (RuntimeError, OSError, ValueError) as error:  # soundfile's own class is a RuntimeError
        raise _corrupt(path, _reason(error)) from error
    return int(rate), samples


def _corrupt(path: Path, reason: str) -> DataCorrupt:
    return DataCorrupt(
        f"data must hold recordings that can be read. Received: {path}, which cannot ({reason}). Mend it or "
        "take it out."
    )


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")[:200] or type(error).__name__
