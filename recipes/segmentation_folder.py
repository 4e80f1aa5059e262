"""Your own images and masks: a small U-Net, half of its multiply-accumulates removed, quantization-aware, int8."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import tfcompress as tfc


@dataclass(frozen=True)
class Settings(tfc.Settings):
    """`data` is needed: --set data=cells/, with cells/images/NAME.png and cells/masks/NAME.png."""

    epochs: int = tfc.setting(36, "passes over the images in the baseline; the later stages take a half and a third")
    data: str | None = tfc.setting(
        None, "pictures and masks: a folder with images/ and masks/, or a CSV file of image, mask and split"
    )
    size: str = tfc.setting("128x128", "height x width of an example, divisible by 2 ** levels")
    channels: int = tfc.setting(3, "of a picture: 1 for grey, 3, or 4 with transparency")
    tiles: int = tfc.setting(1, "each image is cut into tiles x tiles examples, so that small things stay visible")
    classes: str | None = tfc.setting(None, "names of the masks' indices in their order, as in sky,road; None: numbers")
    masks: str = tfc.setting("auto", "what masks hold: indices, binary (0 and 255), or auto: what they look like")
    test_share: float = tfc.setting(0.2, "of the images, kept for the test split where the data names none")
    width: int = tfc.setting(8, "channels of the first of the U-Net's levels", search=tfc.one_of(8, 12, 16))
    levels: int = tfc.setting(3, "how often the U-Net halves its picture")
    up: str = tfc.setting("transposed", "how it doubles it again: transposed convolutions, or nearest")
    flips: str = tfc.setting("both", "which mirror images training sees: both, sideways, or none")
    shift: int = tfc.setting(8, "pixels by which training moves images at most; 0: none")
    macs_left: float = tfc.setting(0.5, "share of the baseline's multiply-accumulates that is left; in (0, 1)")
    learning_rate: float = tfc.setting(0.003, "of Adam, at the start of the baseline; above 0")
    batch_size: int = tfc.setting(16, "examples in a step, at least 1")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.data is None:
            raise tfc.InvalidValue("data must be given. Received: None. Use --set data=cells/.")
        if self.flips not in ("both", "sideways", "none"):
            raise tfc.InvalidValue(f"flips must be both, sideways or none. Received: {self.flips!r}. Use both.")


def recipe(settings: Settings) -> tfc.Recipe:
    """Trains a baseline, which then teaches what is left of it, pixel by pixel."""
    data, rate = pictures(settings), settings.learning_rate
    halve = tfc.PruneChannels(target=tfc.MacsTarget(at_most=settings.macs_left), round_to=4)
    described = partial(tfc.WithMetadata, recipe="segmentation_folder", settings=settings)
    return tfc.Recipe(
        data=data,
        stages=(
            tfc.Stage("baseline", tfc.Train(), fit(data, settings, 1, rate), start=partial(network, data, settings)),
            tfc.Stage("halved", halve, taught(data, settings, 2, rate / 2)),
            tfc.Stage("quantized", tfc.QuantizeAware(), taught(data, settings, 3, rate / 10)),
        ),
        exports={
            "baseline": (described(tfc.Float32()), described(tfc.Int8())),
            "halved": (described(tfc.Float32()),),
            "quantized": (described(tfc.Int8()),),
        },
        checks=(tfc.CpuXnnpack(), tfc.CpuBuiltin(), tfc.CpuReference(), tfc.CpuCompiledModel(), tfc.GpuDelegate()),
        seed=settings.seed,
    )


def pictures(settings: Settings) -> tfc.SegmentationFolder:
    """The user's files."""
    try:
        height, width = (int(length) for length in settings.size.lower().split("x"))
    except ValueError:
        raise tfc.InvalidValue(
            f"size must be height x width. Received: {settings.size!r}. Use --set size=128x128."
        ) from None
    return tfc.SegmentationFolder(
        settings.data,
        (height, width, settings.channels),
        settings.tiles,
        tuple(settings.classes.split(",")) if settings.classes else None,
        settings.masks,
        test_share=settings.test_share,
        num_examples=settings.num_examples,
        seed=settings.seed,
    )


def network(data: tfc.SegmentationFolder, settings: Settings) -> Any:
    """A U-Net with as many outputs as the masks have classes."""
    return tfc.u_net(data.input_shape, data.num_outputs, settings.width, settings.levels, settings.up)


def fit(data: tfc.SegmentationFolder, settings: Settings, part: int, learning_rate: float) -> tfc.KerasFit:
    """Training for a part of the epochs, on images that are mirrored and moved together with their masks."""
    flips = {"both": (False, True), "sideways": (False,), "none": ()}[settings.flips]
    moved = [tfc.WithMasks(tfc.Flip(vertical=vertical)) for vertical in flips]
    if settings.shift:
        moved.append(tfc.WithMasks(tfc.ShiftedCrop(settings.shift)))
    return tfc.KerasFit(
        data,
        max(1, settings.epochs // part),
        settings.batch_size,
        tfc.CosineDecay(learning_rate),
        optimizer="adam",
        augment=tuple(moved),
        seed=settings.seed,
    )


def taught(data: tfc.SegmentationFolder, settings: Settings, part: int, learning_rate: float) -> tfc.DistilledFit:
    """The same with the baseline's logits beside the masks."""
    return tfc.distilled(fit(data, settings, part, learning_rate), "baseline", student_loss_weight=0.5)
