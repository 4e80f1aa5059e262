"""Your own images with boxes, as VOC's XML or COCO's JSON: a small SSD, halved, quantization-aware, int8."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import tfcompress as tfc


@dataclass(frozen=True)
class Settings(tfc.Settings):
    """`data` is needed: --set data=cells/, with cells/Annotations/NAME.xml and cells/JPEGImages/NAME.jpg."""

    epochs: int = tfc.setting(40, "passes over the images in the baseline; the later stages take a half and a fifth")
    data: str | None = tfc.setting(
        None, "pictures and annotations: a folder as PASCAL VOC has it, or a folder or JSON file as COCO has them"
    )
    size: str = tfc.setting("192x256", "height x width of an image for the network, divisible by the largest stride")
    channels: int = tfc.setting(3, "of a picture: 1 for grey, 3, or 4 with transparency")
    classes: str | None = tfc.setting(None, "class names in the order of the outputs, as in cat,dog; None: sorted")
    strides: str = tfc.setting("8,16", "of the feature maps that have anchors: some of 4,8,16,32")
    per_cell: int = tfc.setting(3, "anchors at each place of each map; their sizes are those of the training boxes")
    test_share: float = tfc.setting(0.2, "of the images, kept for the test split where the data names none")
    width: int = tfc.setting(16, "channels of the first convolution", search=tfc.one_of(12, 16, 24))
    flips: str = tfc.setting("both", "which mirror images training sees: both, sideways, or none")
    macs_left: float = tfc.setting(0.5, "share of the baseline's multiply-accumulates that is left; in (0, 1)")
    learning_rate: float = tfc.setting(0.004, "of Adam, at the start of the baseline; above 0")
    batch_size: int = tfc.setting(8, "pictures in a step, at least 1")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.data is None:
            raise tfc.InvalidValue("data must be given. Received: None. Use --set data=cells/.")
        if self.flips not in ("both", "sideways", "none"):
            raise tfc.InvalidValue(f"flips must be both, sideways or none. Received: {self.flips!r}. Use both.")


def recipe(settings: Settings) -> tfc.Recipe:
    """Trains a baseline, removes channels and trains what is left, then makes that int8."""
    data, rate = pictures(settings), settings.learning_rate
    halve = tfc.PruneChannels(target=tfc.MacsTarget(at_most=settings.macs_left), round_to=4)
    described = partial(tfc.WithMetadata, recipe="detection_voc", settings=settings)
    return tfc.Recipe(
        data=data,
        stages=(
            tfc.Stage("baseline", tfc.Train(), fit(data, settings, 1, rate), start=partial(network, data, settings)),
            tfc.Stage("halved", halve, fit(data, settings, 2, rate / 2)),
            tfc.Stage("quantized", tfc.QuantizeAware(), fit(data, settings, 5, rate / 20)),
        ),
        exports={
            "baseline": (described(tfc.Float32()), described(tfc.Int8())),
            "halved": (described(tfc.Float32()),),
            "quantized": (described(tfc.Int8()),),
        },
        checks=(tfc.CpuXnnpack(), tfc.CpuBuiltin(), tfc.CpuReference(), tfc.CpuCompiledModel(), tfc.GpuDelegate()),
        seed=settings.seed,
    )


def pictures(settings: Settings) -> tfc.DetectionFolder:
    """The user's files."""
    try:
        height, width = (int(length) for length in settings.size.lower().split("x"))
        strides = tuple(int(stride) for stride in settings.strides.split(","))
    except ValueError:
        raise tfc.InvalidValue(
            f"size must be height x width, and strides numbers. Received: {settings.size!r} and {settings.strides!r}. "
            "Use --set size=192x256 --set strides=8,16."
        ) from None
    return tfc.DetectionFolder(
        settings.data,
        (height, width, settings.channels),
        tuple(settings.classes.split(",")) if settings.classes else None,
        strides,
        settings.per_cell,
        test_share=settings.test_share,
        num_examples=settings.num_examples,
        seed=settings.seed,
    )


def network(data: tfc.DetectionFolder, settings: Settings) -> Any:
    """A detector of as many classes as the annotations have."""
    return tfc.ssd(data.input_shape, data.num_classes, data.per_cell, data.strides, settings.width)


def fit(data: tfc.DetectionFolder, settings: Settings, part: int, learning_rate: float) -> tfc.KerasFit:
    """Training for a part of the epochs, on images that are mirrored together with their boxes."""
    flips = {"both": (False, True), "sideways": (False,), "none": ()}[settings.flips]
    return tfc.KerasFit(
        data,
        max(1, settings.epochs // part),
        settings.batch_size,
        tfc.CosineDecay(learning_rate),
        optimizer="adam",
        augment=tuple(tfc.WithBoxes(tfc.Flip(vertical=vertical)) for vertical in flips),
        seed=settings.seed,
    )
