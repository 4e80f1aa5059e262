"""The textbook's CIFAR-10: SimpleCNN by SGD with steps, pruned by halves at 3/4 and 7/8 of one training, then int8."""

from dataclasses import dataclass
from functools import partial

import tfcompress as tfc


@dataclass(frozen=True)
class Settings(tfc.Settings):
    """The textbook's 200 epochs; all boundaries are fractions of training, so that fewer keep its shape."""

    epochs: int = tfc.setting(200, "passes over the training examples, in each of the two trainings")
    data_dir: str | None = tfc.setting(None, "folder of prepared data sets; None: TFDS_DATA_DIR, or tfds's own default")
    activation: str | None = tfc.setting("relu", "after each layer but the last; None gives the textbook's linear form")
    learning_rate: float = tfc.setting(
        0.1, "of SGD at the start, above 0; a tenth of it from 1/2 on, a hundredth from 3/4 on"
    )
    direction: str = tfc.setting(
        "student||teacher", "of the KL divergence: the textbook's, or teacher||student, the common one"
    )
    temperature: float = tfc.setting(4.0, "logits are divided by it before they are compared, above 0")


def recipe(settings: Settings) -> tfc.Recipe:
    """Trains the network twice, whole and pruned on the way; then the whole one teaches the pruned one to be int8."""
    data = tfc.Cifar10(settings.data_dir, num_examples=settings.num_examples)
    build = partial(tfc.simple_cnn, input_shape=data.input_shape, activation=settings.activation)
    fit = tfc.KerasFit(
        data,
        epochs=settings.epochs,
        batch_size=64,
        learning_rate=tfc.StepDecay(settings.learning_rate, factor=0.1, at=(1 / 2, 3 / 4)),
        momentum=0.9,
        seed=settings.seed,
    )
    # Half of what is left goes at 3/4 of training, and twice more at 7/8: 50, 75, 87.5 %.
    halving = tfc.PruneLowMagnitude(final_sparsity=0.875, schedule=tfc.Compounding(at=(3 / 4, 7 / 8, 7 / 8)))
    tuning = tfc.KerasFit(
        data, max(1, settings.epochs // 10), learning_rate=settings.learning_rate / 100, seed=settings.seed + 1
    )
    taught = tfc.distilled(tuning, "baseline", tfc.SoftTargets(settings.temperature, settings.direction))
    return tfc.Recipe(
        data=data,
        stages=(
            tfc.Stage("baseline", tfc.Train(), fit, start=build),
            tfc.Stage("pruned", halving, fit, start=build),
            tfc.Stage("quantized", tfc.QuantizeAware(), taught),
        ),
        exports={"baseline": (tfc.Float32(),), "pruned": (tfc.Float32(), tfc.Int8()), "quantized": (tfc.Int8(),)},
        checks=(tfc.CpuXnnpack(), tfc.CpuBuiltin(), tfc.CpuReference(), tfc.CpuCompiledModel(), tfc.GpuDelegate()),
        seed=settings.seed,
    )
