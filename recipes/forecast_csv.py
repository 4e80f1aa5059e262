"""What comes next in a series of your own, in a CSV file: convolutions trained, halved, quantization-aware, int8."""

from dataclasses import dataclass
from functools import partial

import tfcompress as tfc


@dataclass(frozen=True)
class Settings(tfc.Settings):
    """`data` is needed: --set data=taxi.csv, with a header and a row for each step of time."""

    epochs: int = tfc.setting(20, "passes over the windows in the baseline; the later stages take half of it")
    data: str | None = tfc.setting(None, "your series: a CSV file with columns of numbers, and of time if there is one")
    target: str | None = tfc.setting(None, "the column that is forecast; None: the first")
    columns: str | None = tfc.setting(None, "that the model sees, as in load,wind; None: all numbers")
    window: int = tfc.setting(48, "steps that the model sees")
    horizon: int = tfc.setting(1, "steps that it forecasts")
    test_share: float = tfc.setting(0.3, "of the time, at its end, kept for the test split")
    most_gap: int = tfc.setting(3, "steps in a row without a number that are filled; over more lies no window")
    width: int = tfc.setting(32, "channels of each convolution")
    macs_left: float = tfc.setting(0.5, "share of the baseline's multiply-accumulates that is left; in (0, 1)")
    learning_rate: float = tfc.setting(0.003, "of Adam, at the start of the baseline; above 0")
    batch_size: int = tfc.setting(64, "windows in a step, at least 1")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.data is None:
            raise tfc.InvalidValue("data must be given. Received: None. Use --set data=series.csv.")


def recipe(settings: Settings) -> tfc.Recipe:
    """Trains a baseline, removes channels while it teaches what is left, then makes that int8."""
    data = tfc.Forecasts(
        settings.data,
        settings.target,
        tuple(settings.columns.split(",")) if settings.columns else (),
        settings.window,
        settings.horizon,
        settings.test_share,
        settings.most_gap,
        settings.num_examples,
    )
    build = partial(tfc.series_cnn, data.input_shape, settings.horizon, settings.width)
    halve = tfc.PruneChannels(target=tfc.MacsTarget(at_most=settings.macs_left), round_to=4)
    described = partial(tfc.WithMetadata, recipe="forecast_csv", settings=settings)
    return tfc.Recipe(
        data=data,
        stages=(
            tfc.Stage("baseline", tfc.Train(), fit(data, settings, 1, 1), start=build),
            tfc.Stage("halved", halve, tfc.distilled(fit(data, settings, 2, 2), "baseline", student_loss_weight=0.5)),
            tfc.Stage("quantized", tfc.QuantizeAware(), fit(data, settings, 2, 10)),
        ),
        exports={
            "baseline": (described(tfc.Float32()), described(tfc.Int8())),
            "quantized": (described(tfc.Int8()),),
        },
        checks=(tfc.CpuXnnpack(), tfc.CpuBuiltin(), tfc.CpuReference(), tfc.GpuDelegate()),
        seed=settings.seed,
    )


def fit(data: tfc.Forecasts, settings: Settings, part: int, slower: int) -> tfc.KerasFit:
    """Training for a part of the epochs, at a slower rate."""
    rate = tfc.CosineDecay(settings.learning_rate / slower)
    epochs = max(1, settings.epochs // part)
    return tfc.KerasFit(data, epochs, settings.batch_size, rate, optimizer="adam", seed=settings.seed)
