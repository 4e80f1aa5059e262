"""CIFAR-10: a strong teacher for small students, from random weights or a pretrained model."""

from dataclasses import dataclass
from functools import partial

import tfcompress as tfc


@dataclass(frozen=True)
class Settings(tfc.Settings):
    """Defaults that take less than an hour and a half on two cores."""

    epochs: int = tfc.setting(30, "passes over the examples")
    start: str | None = tfc.setting(None, "name of a pretrained model to train on; None: random weights")
    learning_rate: float = tfc.setting(0.25, "the largest, above 0")
    label_smoothing: float = tfc.setting(
        0.1, "in [0, 1): a better model, but a poorer teacher; a last cycle at 0 mends that"
    )
    data_dir: str | None = tfc.setting(None, "folder of prepared data sets; None: TFDS_DATA_DIR, or tfds's own default")
    width: int = tfc.setting(32, "channels of the first convolution, at least 1; without effect where `start` is given")
    bfloat16: bool = tfc.setting(
        False, "products in bfloat16 while training: less time where the processor has AVX512_BF16 or AMX"
    )


def recipe(settings: Settings) -> tfc.Recipe:
    """Trains a wide residual network by one cycle of the learning rate, smoothed labels and augmentation."""
    data = tfc.Cifar10(settings.data_dir, num_examples=settings.num_examples)
    training = tfc.KerasFit(
        data,
        settings.epochs,
        batch_size=256,
        learning_rate=tfc.OneCycle(settings.learning_rate, warm_up=0.2),
        augment=(tfc.Flip(), tfc.ShiftedCrop(4), tfc.Cutout(8)),
        label_smoothing=settings.label_smoothing,
        weights_average=0.998,
        weight_decay=5e-3,  # decoupled: momentum does not multiply it by ten, as where it is part of the gradient
        seed=settings.seed,
        bfloat16=settings.bfloat16,
    )
    anew = partial(tfc.fast_resnet, settings.width, input_shape=data.input_shape)
    return tfc.Recipe(
        data=data,
        stages=(
            tfc.Stage(
                "teacher",
                tfc.Train(),
                training,
                start=tfc.Pretrained(settings.start) if settings.start else anew,
            ),
        ),
        exports={"teacher": (tfc.Float16(), tfc.Int8())},
        # The reference kernels would take an hour.
        checks=(tfc.CpuXnnpack(), tfc.CpuBuiltin(), tfc.CpuCompiledModel(), tfc.GpuDelegate()),
        seed=settings.seed,
    )
