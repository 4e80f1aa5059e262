"""A clip of sound as a log-mel spectrogram: what a keyword spotter sees, with the formula that an app must repeat."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from ...core.errors import DataCorrupt, expect
from ...core.examples.notes import Notes, TensorNotes

if TYPE_CHECKING:
    import numpy as np

POWER_FLOOR = 1e-14  # -140 dB of a full-scale sine: below it is the rounding of float32
LEAST_LOUDEST_DB = -60.0  # a clip whose loudest band is below it is silence, and is not made louder
CHUNK = 256  # clips transformed at once


@dataclasses.dataclass(frozen=True)
class LogMel:
    """Makes log-mel spectrograms (frames, mels, 1) in [-1, 1] of clips of `num_samples` in [-1, 1].

    With s_t the t-th frame of a clip, w the periodic Hann window, A the mel filters (bins, mels):

        P_t = |2 DFT(w s_t) / sum(w)|^2 A                a full-scale sine is near 0 dB
        L_t = 10 log10(max(P_t, 1e-14))                  in dB
        x_t = max(L_t - max(max_t L_t, -60), -r) 2 / r + 1

    so that a clip's loudest band is 1, whatever the gain of the microphone, and what is `range_db` (r) below it is -1.
    Called with (samples, label) of one recording it gives (spectrogram, label): the `transform` of `Tfds`.

    Args:
      sample_rate: of the clips, in Hz. Defaults to 16,000.
      seconds: length of a clip; longer recordings keep their middle, shorter ones lie in the middle of silence.
        Defaults to 1.
      frame_ms: length of a frame. Defaults to 32.
      step_ms: from a frame to the next. Defaults to 16.
      num_mels: bands, at least 1. Defaults to 40.
      lowest_hz: lower edge of the first band. Defaults to 60.
      range_db: between the loudest band of a clip and what counts as silence. Defaults to 60.

    Raises:
      InvalidValue: for a value out of range.

    Example:

    >>> LogMel(8000).shape
    (61, 40, 1)
    """

    sample_rate: int = 16000
    seconds: float = 1.0
    frame_ms: float = 32.0
    step_ms: float = 16.0
    num_mels: int = 40
    lowest_hz: float = 60.0
    range_db: float = 60.0

    def __post_init__(self) -> None:
        expect(1000 <= self.sample_rate <= 192_000, self, "sample_rate", "must be in 1,000 to 192,000", "Use 16000.")
        expect(0 < self.seconds <= 60, self, "seconds", "must be above 0, at most 60", "Use 1.")
        expect(
            0 < self.step_ms <= self.frame_ms, self, "step_ms", f"must be above 0, at most {self.frame_ms}", "Use 16."
        )
        fits = self.frame_ms <= 1000 * self.seconds and self.frame_length >= 16
        expect(fits, self, "frame_ms", "must give 16 samples at least, and fit into a clip", "Use 32.")
        expect(0 <= self.lowest_hz < self.sample_rate / 2, self, "lowest_hz", "must be below half the rate", "Use 60.")
        expect(self.range_db > 0, self, "range_db", "must be above 0", "Use 60.")
        expect(
            1 <= self.num_mels <= self.frame_length // 4,
            self,
            "num_mels",
            "must be 1 to a quarter of a frame's samples",
            "Use 40.",
        )

    @property
    def num_samples(self) -> int:
        """Samples in a clip."""
        return round(self.sample_rate * self.seconds)

    @property
    def frame_length(self) -> int:
        """Samples in a frame."""
        return round(self.sample_rate * self.frame_ms / 1000)

    @property
    def step(self) -> int:
        """Samples from a frame to the next."""
        return max(1, round(self.sample_rate * self.step_ms / 1000))

    @property
    def shape(self) -> tuple[int, int, int]:
        """(frames, mels, 1)."""
        return 1 + (self.num_samples - self.frame_length) // self.step, self.num_mels, 1

    def window(self) -> np.ndarray:
        """The periodic Hann window, scaled so that a full-scale sine has a power near 1: (frame_length,)."""
        import numpy as np

        hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.frame_length) / self.frame_length)
        scaled: np.ndarray = 2 * hann / hann.sum()
        return scaled

    def filters(self) -> np.ndarray:
        """Triangles of equal width on the mel scale, m = 2595 log10(1 + f / 700): (frame_length // 2 + 1, num_mels).

        A triangle narrower than the distance of two bins would hold none: each has the bin nearest to its middle.

        Reference: S. Young et al., "The HTK book", 2006, section 5.4.
        """
        import numpy as np

        def mel(hz: Any) -> Any:
            return 2595 * np.log10(1 + np.asarray(hz) / 700)

        bins = np.arange(self.frame_length // 2 + 1) * self.sample_rate / self.frame_length
        edges = np.linspace(mel(self.lowest_hz), mel(self.sample_rate / 2), self.num_mels + 2)
        up = (mel(bins)[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
        down = (edges[2:] - mel(bins)[:, None]) / (edges[2:] - edges[1:-1])
        triangles: np.ndarray = np.maximum(0, np.minimum(up, down))
        nearest = abs(mel(bins)[:, None] - edges[1:-1]).argmin(0)
        bands = np.arange(self.num_mels)
        triangles[nearest, bands] = np.maximum(triangles[nearest, bands], (triangles.sum(0) == 0).astype(float))
        return triangles

    def clip(self, samples: np.ndarray) -> np.ndarray:
        """A recording of any length, (n,), as a clip of `num_samples`: its middle, or in the middle of silence."""
        import numpy as np

        spare = len(samples) - self.num_samples
        if spare >= 0:
            return samples[spare // 2 : spare // 2 + self.num_samples]
        return np.pad(samples, (-spare // 2, -spare - -spare // 2))

    def features(self, clips: np.ndarray) -> np.ndarray:
        """Spectrograms (N, frames, mels, 1), float32, of clips (N, num_samples) in [-1, 1]."""
        import numpy as np

        parts = [self._features(clips[begin : begin + CHUNK]) for begin in range(0, len(clips), CHUNK)]
        return np.concatenate(parts) if parts else np.empty((0, *self.shape), "float32")

    def _features(self, clips: np.ndarray) -> np.ndarray:
        import numpy as np

        frames = np.lib.stride_tricks.sliding_window_view(clips, self.frame_length, axis=-1)[:, :: self.step]
        power = np.abs(np.fft.rfft(frames * self.window(), axis=-1)) ** 2 @ self.filters()
        levels = 10 * np.log10(np.maximum(power, POWER_FLOOR))
        loudest = np.maximum(levels.max((1, 2), keepdims=True), LEAST_LOUDEST_DB)
        scaled: np.ndarray = np.maximum(levels - loudest, -self.range_db) * (2 / self.range_db) + 1
        return np.expand_dims(scaled.astype("float32"), -1)

    def __call__(self, samples: Any, label: Any) -> tuple[np.ndarray, Any]:
        """(spectrogram, label) of one recording: whole numbers of 16 bits, or numbers in [-1, 1].

        Raises:
          DataCorrupt: for samples that are no numbers.
        """
        sound, label = self.sound(samples, label)
        return self.features(sound[None])[0], label

    def sound(self, samples: Any, label: Any) -> tuple[np.ndarray, Any]:
        """(clip, label) of one recording, the clip (num_samples,) in [-1, 1]. Raises as `__call__`."""
        import numpy as np

        sound = np.asarray(samples)
        scaled = sound / 32768 if sound.dtype.kind in "iu" else sound.astype("float64")
        if not np.isfinite(scaled).all():
            raise DataCorrupt("data must hold recordings of finite samples. Received: one with NaN. Take it out.")
        clip: np.ndarray = self.clip(scaled.reshape(-1)).astype("float32")
        return clip, label


def notes_of_words(features: LogMel, names: tuple[str, ...]) -> Notes:
    """What an app must know of a model that tells words by spectrograms."""
    settings = {**dataclasses.asdict(features), "num_samples": features.num_samples}
    meaning = f"log-mel spectrogram of a clip of {features.seconds:g} s at {features.sample_rate:,} Hz, in [-1, 1]"
    return Notes(
        {"": TensorNotes(meaning, settings={"log_mel": settings})}, {"": TensorNotes("logits of the words", names)}
    )
