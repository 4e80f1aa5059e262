"""CIFAR-10: MLPerf Tiny's ResNet-8 in half of its file, by fewer channels and weights of four bits."""

from dataclasses import dataclass
from functools import partial

import tfcompress as tfc


@dataclass(frozen=True)
class Settings(tfc.Settings):
    """Defaults that fit into half an hour on two cores, checks included."""

    epochs: int = tfc.setting(
        24, "passes over the examples in the baseline; pruning takes half as many again, QAT a quarter"
    )
    data_dir: str | None = tfc.setting(None, "folder of prepared data sets; None: TFDS_DATA_DIR, or tfds's own default")
    parameters_left: float = tfc.setting(0.8, "share of the baseline's parameters that is left; in (0, 1)")
    bits: int = tfc.setting(4, "of the weights of all layers but the first and the last, 2 to 8")
    temperature: float = tfc.setting(2.0, "logits are divided by it before they are compared, above 0")
    bfloat16: bool = tfc.setting(
        False, "products in bfloat16 in the baseline: less time where the processor has AVX512_BF16 or AMX"
    )


def recipe(settings: Settings) -> tfc.Recipe:
    """Trains a baseline; removes its channels, then bits of their weights, while it teaches what is left."""
    data = tfc.Cifar10(settings.data_dir, num_examples=settings.num_examples)
    return tfc.Recipe(
        data=data,
        stages=(
            tfc.Stage(
                "baseline",
                tfc.Train(),
                fit(
                    data, settings, 1.0, tfc.OneCycle(0.3, warm_up=0.25), weight_decay=5e-4, bfloat16=settings.bfloat16
                ),
                start=partial(tfc.resnet, 8, input_shape=data.input_shape),
            ),
            tfc.Stage(
                "pruned",
                tfc.PruneChannels(target=tfc.ParametersTarget(at_most=settings.parameters_left), round_to=4),
                taught(data, settings, 1.5, tfc.OneCycle(0.2, warm_up=0.25)),
            ),
            tfc.Stage(
                "quantized",
                # The first layer and the last have 1 % of the weights, and lose the most by having less of them.
                tfc.QuantizeAware(per_layer_bits={"stem": 8, "logits": 8, "*": settings.bits}),
                taught(data, settings, 0.25, tfc.CosineDecay(0.01)),
            ),
        ),
        exports={
            "baseline": (tfc.Float32(), tfc.Int8()),
            "pruned": (tfc.Int8(),),
            "quantized": (tfc.Int8(),),
        },
        checks=(tfc.CpuXnnpack(), tfc.CpuBuiltin(), tfc.CpuReference(), tfc.CpuCompiledModel(), tfc.GpuDelegate()),
        seed=settings.seed,
    )


def fit(
    data: tfc.Cifar10,
    settings: Settings,
    share: float,
    learning_rate: tfc.OneCycle | tfc.CosineDecay,
    weight_decay: float,
    views: int = 0,
    bfloat16: bool = False,
) -> tfc.KerasFit:
    """Training for a share of the baseline's epochs, on shifted images and their mirror images.

    What has lost channels trains in float32: bfloat16 is slower for widths that are no multiples of 16.
    """
    return tfc.KerasFit(
        data,
        max(1, round(settings.epochs * share)),
        batch_size=128,
        learning_rate=learning_rate,
        augment=(tfc.Flip(), tfc.ShiftedCrop(4)),
        views=views,
        weight_decay=weight_decay,
        seed=settings.seed,
        bfloat16=bfloat16,
    )


def taught(
    data: tfc.Cifar10, settings: Settings, share: float, learning_rate: tfc.OneCycle | tfc.CosineDecay
) -> tfc.DistilledFit:
    """The same under the baseline, whose logits of eight views of each image are computed once and cached."""
    return tfc.distilled(
        fit(data, settings, share, learning_rate, weight_decay=5e-3, views=8),
        "baseline",
        tfc.SoftTargets(settings.temperature),
        student_loss_weight=0.5,
        cache=True,
    )
