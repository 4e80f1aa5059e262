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
