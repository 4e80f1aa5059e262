"""Two stages and one file: little to train, and enough to be killed in."""

from dataclasses import dataclass
from functools import partial

import tfcompress as tfc


@dataclass(frozen=True)
class Settings(tfc.Settings):
    """Digits, made short."""

    final_sparsity: float = tfc.setting(0.5, "share of zeros")


def recipe(settings):
    data = tfc.Digits(num_examples=256)
    fit = tfc.KerasFit(data, epochs=2, batch_size=32)
    start = partial(tfc.simple_cnn, input_shape=data.input_shape, width=4)
    stages = (
        tfc.Stage("baseline", tfc.Train(), fit, start=start),
        tfc.Stage("pruned", tfc.PruneLowMagnitude(settings.final_sparsity), fit),
    )
    return tfc.Recipe(data, stages, {"pruned": (tfc.Int8(),)}, (tfc.CpuXnnpack(), tfc.CpuBuiltin()), seed=settings.seed)
