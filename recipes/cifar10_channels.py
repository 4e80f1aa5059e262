"""CIFAR-10: SimpleCNN loses 90 % of its parameters for real, channel by channel, and becomes int8."""

from dataclasses import dataclass
from functools import partial

import tfcompress as tfc


@dataclass(frozen=True)
class Settings(tfc.Settings):
    """Defaults that fit into a quarter of an hour on two cores, checks included."""

    epochs: int = tfc.setting(20, "passes over the examples in the baseline; pruning takes twice, QAT half of it")
    data_dir: str | None = tfc.setting(None, "folder of prepared data sets; None: TFDS_DATA_DIR, or tfds's own default")
    dropout: float = tfc.setting(
        0.2, "share of features dropped while training; a network this small wants little of it"
    )
    parameters_left: float = tfc.setting(0.1, "share of the baseline's parameters that is left; in (0, 1)")
    temperature: float = tfc.setting(2.0, "logits are divided by it before they are compared, above 0")


def recipe(settings: Settings) -> tfc.Recipe:
    """Trains a baseline; removes its channels while it teaches what is left; makes that quantization-aware."""
    data = tfc.Cifar10(settings.data_dir, num_examples=settings.num_examples)
    build = partial(tfc.simple_cnn, input_shape=data.input_shape, dropout=settings.dropout)
    baseline = fit(data, settings, share=1.0, learning_rate=0.05)
    pruning = fit(data, settings, share=2.0, learning_rate=0.05)
    quantizing = fit(data, settings, share=0.5, learning_rate=0.005)
    soft_targets = tfc.SoftTargets(settings.temperature)
    return tfc.Recipe(
        data=data,
        stages=(
            tfc.Stage("baseline", tfc.Train(), baseline, start=build),
            tfc.Stage(
                "pruned",
                # conv1 holds 448 of 136,874 parameters and feeds everything: it stays.
                tfc.PruneChannels(
                    target=tfc.ParametersTarget(at_most=settings.parameters_left), keep=("conv1",), round_to=1
                ),
                tfc.distilled(pruning, "baseline", soft_targets, student_loss_weight=0.5),
            ),
            tfc.Stage(
                "quantized",
                tfc.QuantizeAware(),
                tfc.distilled(quantizing, "baseline", soft_targets, student_loss_weight=0.5),
            ),
        ),
        exports={
            "baseline": (tfc.Float32(), tfc.Int8()),
            "pruned": (tfc.Float32(), tfc.Int8()),
            "quantized": (tfc.Int8(),),
        },
        checks=(tfc.CpuXnnpack(), tfc.CpuBuiltin(), tfc.CpuReference(), tfc.CpuCompiledModel(), tfc.GpuDelegate()),
        seed=settings.seed,
    )


def fit(data: tfc.Cifar10, settings: Settings, share: float, learning_rate: float) -> tfc.KerasFit:
    """Training for a share of the baseline's epochs, each with its own order of examples."""
    epochs = max(1, round(settings.epochs * share))
    return tfc.KerasFit(data, epochs, learning_rate=tfc.CosineDecay(learning_rate), seed=settings.seed + epochs)
