"""Two stages and one file, little to train: what is searched is after the baseline, which trials share."""

from dataclasses import dataclass
from functools import partial

import tfcompress as tfc


@dataclass(frozen=True)
class Settings(tfc.Settings):
    """Digits, made short."""

    final_sparsity: float = tfc.setting(0.5, "share of zeros", search=tfc.between(0.3, 0.9))
    width: int = tfc.setting(4, "channels; 5 crashes")


def recipe(settings):
    data = tfc.Digits(num_examples=settings.num_examples or 256)
    fit = tfc.KerasFit(data, epochs=2, batch_size=32, seed=settings.seed)
    start = partial(tfc.simple_cnn, input_shape=data.input_shape, width=settings.width)
    stages = (
        tfc.Stage("baseline", tfc.Train(), fit, start=start),
        tfc.Stage("pruned", tfc.PruneLowMagnitude(settings.final_sparsity), fit),
    )
    exports = {"baseline": (tfc.Float32(),), "pruned": (tfc.Int8(),)}
    return tfc.Recipe(data, stages, exports, (tfc.CpuXnnpack(), tfc.CpuBuiltin()), seed=settings.seed)
