"""How pixels from 0 to 255 become what a model was trained on: the few ways in use, by name."""

from __future__ import annotations

import dataclasses

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
_IMAGENET_MEAN_BGR = (103.939, 116.779, 123.68)


@dataclasses.dataclass(frozen=True)
class Scaling:
    """x = pixel * scale + offset, by channel where there are three numbers; `reverses_channels`: blue first."""

    scale: float | tuple[float, ...] = 1.0
    offset: float | tuple[float, ...] = 0.0
    reverses_channels: bool = False

    @property
    def mean_and_deviation(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """The same as (x - mean) / deviation, as notes have it.

        >>> Scaling(0.5, -1.0).mean_and_deviation
        ((2.0,), (2.0,))
        """
        scales, offsets = (each if isinstance(each, tuple) else (each,) for each in (self.scale, self.offset))
        count = max(len(scales), len(offsets))
        scales, offsets = (each * count if len(each) == 1 else each for each in (scales, offsets))
        means = tuple(-offset / scale + 0.0 for scale, offset in zip(scales, offsets, strict=True))
        return means, tuple(1 / scale for scale in scales)


# "torch" and "caffe" are keras.applications' own names for what those models were trained on.
SCALINGS = {
    "0..255": Scaling(),
    "0..1": Scaling(1 / 255),
    "-1..1": Scaling(1 / 127.5, -1.0),
    "torch": Scaling(
        tuple(1 / (255 * deviation) for deviation in _IMAGENET_DEVIATION),
        tuple(-mean / deviation for mean, deviation in zip(_IMAGENET_MEAN, _IMAGENET_DEVIATION, strict=True)),
    ),
    "caffe": Scaling(1.0, tuple(-mean for mean in _IMAGENET_MEAN_BGR), reverses_channels=True),
}


def names_for(num_channels: int) -> tuple[str, ...]:
    """The scalings that fit images of so many channels.

    >>> names_for(1)
    ('0..255', '0..1', '-1..1')
    """
    return tuple(
        name
        for name, scaling in SCALINGS.items()
        if num_channels == 3 or not (isinstance(scaling.offset, tuple) or scaling.reverses_channels)
    )
