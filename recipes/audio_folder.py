"""Your own spoken words, WAV or FLAC in folders of classes: a small network, halved, quantization-aware, int8."""

from dataclasses import dataclass
from functools import partial

import tfcompress as tfc


@dataclass(frozen=True)
class Settings(tfc.Settings):
    """`data` is needed: --set data=words/, with words/CLASS/NAME.wav."""

    epochs: int = tfc.setting(
        30, "passes over the recordings in the baseline; the halved network takes as many, int8 a fifth"
    )
    data: str | None = tfc.setting(
        None, "your recordings: a folder of class folders, or a CSV of path, label and split"
    )
    sample_rate: int = tfc.setting(16000, "that recordings are brought to, in Hz")
    seconds: float = tfc.setting(1.0, "length of a clip; longer recordings keep their middle")
    classes: str | None = tfc.setting(None, "class names in the order of the outputs, as in go,stop; None: sorted")
    test_share: float = tfc.setting(0.2, "of the recordings, kept for the test split where the data names none")
    speakers: bool = tfc.setting(False, "whether names are SPEAKER_..., and a speaker is in one split alone")
    network: str = tfc.setting("ds_cnn", "ds_cnn; conv1d, over time alone; or gru")
    width: int = tfc.setting(40, "channels of each convolution, and units of a GRU; at least 1")
    blocks: int | None = tfc.setting(None, "separable convolutions, convolutions, or GRUs; None: 3, 3, or 1")
    augment: bool = tfc.setting(True, "whether training hears words moved, stretched, in noise and with gaps")
    macs_left: float = tfc.setting(0.5, "share of the baseline's multiply-accumulates that is left; in (0, 1)")
    from_sound: bool = tfc.setting(False, "whether the last file is written in a form that takes sound, too")
    learning_rate: float = tfc.setting(0.005, "of Adam, at the start of the baseline; above 0")
    batch_size: int = tfc.setting(64, "recordings in a step, at least 1")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.data is None:
            raise tfc.InvalidValue("data must be given. Received: None. Use --set data=words/.")
        if self.network not in ("ds_cnn", "conv1d", "gru"):
            raise tfc.InvalidValue(f"network must be ds_cnn, conv1d or gru. Received: {self.network!r}. Use ds_cnn.")


def recipe(settings: Settings) -> tfc.Recipe:
    """Trains a baseline, which then teaches what is left of it."""
    data, rate = recordings(settings), settings.learning_rate
    builder = {"ds_cnn": tfc.ds_cnn, "conv1d": tfc.speech_conv1d, "gru": tfc.speech_gru}[settings.network]
    blocks = () if settings.blocks is None else (settings.blocks,)
    build = partial(builder, data.input_shape, data.num_classes, settings.width, *blocks)
    halve = tfc.PruneChannels(target=tfc.MacsTarget(at_most=settings.macs_left), round_to=4)
    described = partial(tfc.WithMetadata, recipe="audio_folder", settings=settings)
    return tfc.Recipe(
        data=data,
        stages=(
            tfc.Stage("baseline", tfc.Train(), fit(data, settings, 1.0, rate), start=build),
            tfc.Stage("halved", halve, taught(data, settings, 1.0, rate)),
            tfc.Stage("quantized", tfc.QuantizeAware(), taught(data, settings, 0.2, rate / 10)),
        ),
        exports={
            "baseline": (described(tfc.Float32()), described(tfc.Int8())),
            "halved": (described(tfc.Float32()),),
            "quantized": (described(tfc.Int8(), from_sound=settings.from_sound),),
        },
        checks=(tfc.CpuXnnpack(), tfc.CpuBuiltin(), tfc.CpuReference(), tfc.GpuDelegate()),
        seed=settings.seed,
    )


def recordings(settings: Settings) -> tfc.AudioFolder:
    """The user's files."""
    return tfc.AudioFolder(
        settings.data,
        tfc.LogMel(settings.sample_rate, settings.seconds),
        tuple(settings.classes.split(",")) if settings.classes else None,
        settings.test_share,
        groups="name" if settings.speakers else "none",
        num_examples=settings.num_examples,
        seed=settings.seed,
    )


def fit(data: tfc.Data, settings: Settings, share: float, learning_rate: float) -> tfc.KerasFit:
    """Training for a share of the epochs, on words moved, stretched, in noise, and of which bands are missing."""
    heard = (tfc.MelStretch(0.1), tfc.TimeShift(), tfc.BackgroundNoise(0.3), tfc.SpecAugment(6, 4))
    return tfc.KerasFit(
        data,
        max(1, round(settings.epochs * share)),
        settings.batch_size,
        tfc.CosineDecay(learning_rate),
        optimizer="adam",
        augment=heard if settings.augment else (),
        seed=settings.seed,
    )


def taught(data: tfc.Data, settings: Settings, share: float, learning_rate: float) -> tfc.DistilledFit:
    """The same with the baseline's logits beside the labels."""
    return tfc.distilled(fit(data, settings, share, learning_rate), "baseline", student_loss_weight=0.5)
