"""Every way of training that must not depend on how many devices there are; dropout, which does, left out."""

import dataclasses
import os
from pathlib import Path

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras


@dataclasses.dataclass(frozen=True)
class Own:
    """A user's own way of fitting."""

    data: tfc.Digits
    steps = 4

    def __call__(self, model, callbacks=()):
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        inputs = self.data.model_inputs(self.data.train.inputs)
        labels = self.data.train.targets
        return model.fit(inputs, labels, batch_size=32, shuffle=False, callbacks=list(callbacks), verbose=0)


def build():
    layers = keras.layers
    inputs = keras.Input((8, 8, 1), name="image")
    x = layers.Conv2D(4, 3, strides=2, padding="same", name="conv")(inputs)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.ReLU(name="relu")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dropout(1e-9, name="dropout")(x)  # has a variable, and drops nothing
    return keras.Model(inputs, layers.Dense(10, name="logits")(x))


def recipe(settings):
    data = tfc.Digits(num_examples=128)
    fit = tfc.KerasFit(data, epochs=2, batch_size=32)
    rich = dataclasses.replace(
        fit,
        augment=(tfc.ShiftedCrop(1), tfc.Mixup()),
        label_smoothing=0.1,
        weights_average=0.9,
        weight_decay=1e-3,
    )
    both = tfc.losses.WeightedSum(((tfc.SoftTargets(), 1.0), (tfc.losses.Correlation(), 0.1)))
    answers = Path(os.environ["KEPT_ANSWERS"])
    stages = [
        tfc.Stage("baseline", tfc.Train(), rich, start=build),
        tfc.Stage("pruned", tfc.PruneLowMagnitude(0.5), tfc.distilled(fit, "baseline", both, cache=answers)),
        tfc.Stage("aware", tfc.QuantizeAware(), tfc.distilled(fit, "baseline", tfc.losses.Relational("flatten"))),
        tfc.Stage("own", tfc.Train(), Own(data), start="baseline"),
    ]
    if "ALL_STAGES" in os.environ:
        stages += [
            tfc.Stage("clustered", tfc.Cluster(4), fit, start="baseline"),
            tfc.Stage("weights", tfc.PruneWeights(0.5), fit, start="baseline"),
        ]
    exports = {} if "NO_FILES" in os.environ else {"aware": (tfc.Int8(),)}
    return tfc.Recipe(data, tuple(stages), exports, (tfc.CpuBuiltin(),), seed=settings.seed)
