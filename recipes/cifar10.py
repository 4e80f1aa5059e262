"""CIFAR-10: SimpleCNN trained, pruned and distilled, made quantization-aware, exported as int8."""

from dataclasses import dataclass
from functools import partial

import tfcompress as tfc


@dataclass(frozen=True)
class Settings(tfc.Settings):
    """Defaults that fit into half an hour on two cores, checks included."""

    epochs: int = tfc.setting(40, "passes over the examples in the baseline; pruning takes 3/4, QAT 1/4 of it")
    data_dir: str | None = tfc.setting(None, "folder of prepared data sets; None: TFDS_DATA_DIR, or tfds's own default")
    width: int = tfc.setting(16, "channels of the first convolution, at least 1")
    activation: str | None = tfc.setting("relu", "after each layer but the last; None gives the textbook's linear form")
    final_sparsity: float = tfc.setting(0.75, "share of zeros in the first dense layer, 96 % of all weights; in [0, 1)")
    temperature: float = tfc.setting(2.0, "softness of the teacher's answers, above 0")


def recipe(settings: Settings) -> tfc.Recipe:
    """Trains a baseline, which then teaches its own smaller selves."""
    data = tfc.Cifar10(settings.data_dir, num_examples=settings.num_examples)
    build = partial(tfc.simple_cnn, input_shape=data.input_shape, width=settings.width, activation=settings.activation)
    baseline = fit(data, settings, share=1.0, learning_rate=0.05)
    pruning = fit(data, settings, share=0.75, learning_rate=0.03)
    quantizing = fit(data, settings, share=0.25, learning_rate=0.005)
    soft_targets = tfc.SoftTargets(settings.temperature)
    # The small kernels are where accuracy is lost, and hardly any bytes are: the first and the last stay whole.
    gently = {"conv1": 0.0, "conv2": min(0.5, settings.final_sparsity), "logits": 0.0}
    halfway = tfc.PolynomialDecay(end=0.5)
    return tfc.Recipe(
        data=data,
        stages=(
            tfc.Stage("baseline", tfc.Train(), baseline, start=build),
            tfc.Stage(
                "pruned",
                tfc.PruneLowMagnitude(settings.final_sparsity, halfway, per_layer=gently),
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
            "pruned": (tfc.Float16(), tfc.DynamicRange()),
            "quantized": (tfc.Int8(),),
        },
        checks=(tfc.CpuXnnpack(), tfc.CpuBuiltin(), tfc.CpuReference(), tfc.GpuDelegate()),
        seed=settings.seed,
    )


def fit(data: tfc.Cifar10, settings: Settings, share: float, learning_rate: float) -> tfc.KerasFit:
    """Training for a share of the baseline's epochs, each with its own order of examples."""
    epochs = max(1, round(settings.epochs * share))
    return tfc.KerasFit(data, epochs, learning_rate=tfc.CosineDecay(learning_rate), seed=settings.seed + epochs)
