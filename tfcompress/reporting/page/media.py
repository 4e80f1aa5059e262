"""An input as something to look at or to hear: an image, a spectrogram, a recording, a line."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

SMALLEST, LARGEST = 96, 160  # pixels of the longer side of a picture: smaller ones are drawn larger, pixel by pixel
WIDTH, HEIGHT = 240, 72  # of a line
MOST_POINTS = 240  # across a line


def picture(values: np.ndarray) -> str:
    """An array (height, width, 1, 3 or 4) as the address of a PNG; floats are stretched over all shades."""
    import numpy as np
    from PIL import Image

    pixels = np.asarray(values)
    if pixels.dtype != np.uint8 or pixels.max(initial=0) < 64:
        low, high = float(pixels.min()), float(pixels.max())
        low = min(0.0, low)
        pixels = ((pixels - low) * (255 / (high - low or 1))).astype("uint8")
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    longest = max(image.size)
    if longest > LARGEST:
        image.thumbnail((LARGEST, LARGEST))
    elif longest < SMALLEST:
        times = -(-SMALLEST // longest)
        image = image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST)
    return _address(image)


def spectrogram(values: np.ndarray) -> str:
    """A spectrogram (frames, bands, 1) as the address of a PNG: time runs to the right, high bands are above."""
    import numpy as np
    from PIL import Image

    levels = np.asarray(values, "float64").reshape(values.shape[0], values.shape[1]).T[::-1]
    low, high = float(levels.min()), float(levels.max())
    shade = (levels - low) / (high - low or 1)
    stops = np.array([[12, 16, 40], [70, 40, 130], [200, 70, 90], [250, 180, 70], [252, 250, 200]], "float64")
    place = shade * (len(stops) - 1)
    before = np.floor(place).astype(int).clip(0, len(stops) - 2)
    part = (place - before)[..., None]
    colours = (stops[before] * (1 - part) + stops[before + 1] * part).astype("uint8")
    image = Image.fromarray(colours)
    times = max(1, -(-SMALLEST * 2 // max(image.size)))
    return _address(image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST))


def _address(image: object) -> str:
    content = io.BytesIO()
    image.save(content, "PNG", optimize=True)  # type: ignore[attr-defined]
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"


def recording(samples: np.ndarray, sample_rate: int) -> str:
    """Samples of 16 bits, (n,), as the address of a WAV file."""
    import wave

    import numpy as np

    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(np.asarray(samples, "<i2").tobytes())
    return f"data:audio/wav;base64,{base64.b64encode(content.getvalue()).decode()}"


def line(values: np.ndarray) -> str:
    """Numbers (n,) or columns of them (n, columns), of which four are drawn, as an SVG."""
    import numpy as np

    columns = np.asarray(values, "float64").reshape(len(values), -1)[:, :4]
    if len(columns) > 2 * MOST_POINTS:  # of sound: the lowest and the highest of each part
        parts = np.array_split(columns, MOST_POINTS)
        columns = np.concatenate([np.stack([part.min(0), part.max(0)]) for part in parts])
    return lines({f"s{place}": column for place, column in enumerate(columns.T)})


def lines(series: Mapping[str, Sequence[float] | np.ndarray]) -> str:
    """Series of numbers on one scale, each by its class of the style, as an SVG."""
    import numpy as np

    low = min(float(np.nanmin(values)) for values in series.values())
    high = max(float(np.nanmax(values)) for values in series.values())
    drawn = ""
    for kind, values in series.items():
        up = HEIGHT - 4 - (np.asarray(values, "float64") - low) / (high - low or 1) * (HEIGHT - 8)
        across = np.linspace(2, WIDTH - 2, len(up))
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, up, strict=True))
        drawn += f'<polyline class="{kind}" points="{points}"/>'
    label = f"a line from {low:.4g} to {high:.4g}" if len(series) == 1 else f"lines from {low:.4g} to {high:.4g}"
    return f'<svg class="line" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{drawn}</svg>'
