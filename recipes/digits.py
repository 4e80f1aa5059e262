"""Handwritten digits, no download: SimpleCNN trained, pruned and distilled, made quantization-aware, int8."""

from dataclasses import dataclass
from functools import partial

import tfcompress as tfc


@dataclass(frozen=True)
class Settings(tfc.Settings):
    """A tour that takes about a minute: the images are 8x8 and there are 1,437 of them to train on."""

    epochs: int = tfc.setting(60, "passes over the examples in the baseline; each later stage takes half of it")
    final_sparsity: float = tfc.setting(
        0.75, "share of zeros in the first dense layer; half of that in the second convolution", tfc.between(0.5, 0.97)
    )
    temperature: float = tfc.setting(
        4.0, "logits are divided by it before they are compared, above 0", tfc.between(1.0, 10.0)
    )


def recipe(settings: Settings) -> tfc.Recipe:
    """Trains a baseline, which is then the teacher of what is pruned and quantized of it."""
    data = tfc.Digits(num_examples=settings.num_examples)
    fit = tfc.KerasFit(data, epochs=settings.epochs, learning_rate=tfc.CosineDecay(0.05), seed=settings.seed)
    short = tfc.KerasFit(
        data, epochs=max(1, settings.epochs // 2), learning_rate=tfc.CosineDecay(0.02), seed=settings.seed + 1
    )
    taught = tfc.distilled(short, teacher="baseline", loss=tfc.SoftTargets(settings.temperature))
    # The small kernels are where accuracy is lost, and hardly any bytes are: the first and the last stay whole.
    gently = {"conv1": 0.0, "conv2": settings.final_sparsity / 2, "logits": 0.0}
    return tfc.Recipe(
        data=data,
        stages=(
            tfc.Stage("baseline", tfc.Train(), fit, start=partial(tfc.simple_cnn, input_shape=data.input_shape)),
            tfc.Stage("pruned", tfc.PruneLowMagnitude(settings.final_sparsity, per_layer=gently), taught),
            tfc.Stage("quantized", tfc.QuantizeAware(), taught),
        ),
        exports={
            "baseline": (tfc.Float32(),),
            "pruned": (tfc.Float16(), tfc.DynamicRange(), tfc.Int8()),
            "quantized": (tfc.Int8(),),
        },
        checks=(tfc.CpuXnnpack(), tfc.CpuBuiltin(), tfc.CpuReference(), tfc.CpuCompiledModel(), tfc.GpuDelegate()),
        seed=settings.seed,
    )
