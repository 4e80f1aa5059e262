"""A model that others made, as it is: exported in float32 and int8 and checked, with no training. A recipe.

    tfcompress recipe benchmarks/zoo_models.py --set model=resnet8_cifar10 --set models_dir=../shared/models \
        --set data_dir=../shared/data/tfds

Which models there are is in `BUILDERS`. Of ResNet-8 there is data: CIFAR-10, in whose own pixels, 0 to 255, it was
trained. The others are calibrated on, and compared over, other inputs than theirs, of the range that theirs have:
images of CIFAR-10, enlarged, and noise that swells. The model's own outputs are the targets: what is then called a
metric says how close a file is to its model, not how good that is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import tfcompress as tfc

NUM_EXAMPLES = 64
BINS, UNITS, LAYERS = 257, 128, 2  # of DTLN


@dataclass(frozen=True)
class Settings(tfc.Settings):
    """A model of the folder by its name."""

    model: str = tfc.setting("resnet8_cifar10", "resnet8_cifar10, mobilenet_vww, mini_xception or dtln")
    models_dir: str = tfc.setting("../shared/models", "folder of mlperf_tiny/, emotion/ and dtln/")
    data_dir: str | None = tfc.setting(None, "folder of prepared data sets, for CIFAR-10; None: tfds's own default")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.model not in BUILDERS:
            raise tfc.InvalidValue(f"model must be one of {', '.join(BUILDERS)}. Received: {self.model!r}.")


@dataclass(frozen=True)
class RawCifar10(tfc.Cifar10):
    """CIFAR-10 in pixels of 0 to 255, as MLPerf Tiny's models want it."""

    scale = 1.0


def recipe(settings: Settings) -> tfc.Recipe:
    """One stage, which changes nothing."""
    folder = Path(settings.models_dir)
    start = partial(BUILDERS[settings.model], folder)
    data: Any = RawCifar10(settings.data_dir, settings.num_examples)
    if settings.model != "resnet8_cifar10":
        data = of_itself(start(), settings)
    return tfc.Recipe(
        data=data,
        stages=(tfc.Stage("original", tfc.Unchanged(), start=start),),
        exports={"original": (tfc.Float32(), tfc.Int8(num_representative=NUM_EXAMPLES))},
        checks=(tfc.CpuXnnpack(), tfc.GpuDelegate()),
        seed=settings.seed,
    )


def of_itself(model: Any, settings: Settings) -> tfc.Data:
    """Inputs that a model was not made for, and what it gives for them."""
    if settings.model == "dtln":
        inputs: Any = frames(model, np.random.default_rng(0))
        masks, states = model.predict(inputs, batch_size=1, verbose=0)
        targets: Any = {"mask": masks, "new_states": states}
        task: Any = tfc.ByOutput(tasks={each: tfc.Regression() for each in targets})
    else:
        low, high = RANGES[settings.model]
        images = tfc.Cifar10(settings.data_dir, num_examples=NUM_EXAMPLES).train.inputs.astype("float32") / 255
        images = images if model.input_shape[-1] == 3 else images.mean(axis=-1, keepdims=True)
        times = model.input_shape[1] // images.shape[1]
        inputs = (low + (high - low) * images).repeat(times, 1).repeat(times, 2)
        targets = model.predict(inputs, verbose=0).argmax(-1)
        task = tfc.Classification(tolerance=tfc.Tolerance(top_1_agreement=0.7))  # of what is in no image
    return tfc.dataset((inputs, targets), (inputs, targets), task=task)


def frames(model: Any, draw: np.random.Generator) -> dict[str, Any]:
    """Frames of noise that swells and fades, with the states that DTLN has come to."""
    loudness = np.abs(np.sin(np.arange(NUM_EXAMPLES) / 9))[:, None]
    spectra = np.abs(np.fft.rfft(draw.normal(size=(NUM_EXAMPLES, 512)) / 20)) * loudness
    states = np.zeros((NUM_EXAMPLES, LAYERS, UNITS, 2), "float32")
    found = {"frame": spectra[:, None].astype("float32"), "states": states}
    for number in range(1, NUM_EXAMPLES):
        before = [found["frame"][number - 1 : number], found["states"][number - 1 : number]]
        found["states"][number] = model(before)[1][0]
    return found


def dtln(folder: Path) -> Any:
    """DTLN's first half with its weights, as its authors build it for their TFLite files (create_tf_lite_model)."""
    import h5py

    from tfcompress.backend.tensorflow import keras, tf

    frame = keras.Input(batch_shape=(1, 1, BINS), name="frame")
    states = keras.Input(batch_shape=(1, LAYERS, UNITS, 2), name="states")
    x, kept = frame, []
    for number in range(LAYERS):
        before = [states[:, number, :, 0], states[:, number, :, 1]]
        layer = keras.layers.LSTM(UNITS, return_sequences=True, unroll=True, return_state=True, name=f"lstm_{number}")
        x, *after = layer(x, initial_state=before)
        kept.append(tf.stack(after, -1))
    mask = keras.layers.Dense(BINS, activation="sigmoid", name="mask")(x)
    new_states = keras.layers.Activation("linear", name="new_states")(tf.stack(kept, 1))
    model = keras.Model([frame, states], [mask, new_states], name="dtln")
    lstm = ("kernel", "recurrent_kernel", "bias")
    with h5py.File(folder / "dtln" / "model.h5") as file:
        layers = (("lstm", lstm), ("lstm_1", lstm), ("dense", ("kernel", "bias")))
        model.set_weights([np.array(file[f"{at}/{at}/{name}:0"]) for at, names in layers for name in names])
    return model


def in_file(path: str, folder: Path) -> Any:
    """A model in a file."""
    return tfc.load_model(folder / path)


RANGES = {"mobilenet_vww": (0.0, 1.0), "mini_xception": (-1.0, 1.0)}
BUILDERS: dict[str, Callable[[Path], Any]] = {
    "resnet8_cifar10": partial(in_file, "mlperf_tiny/resnet8_cifar10.h5"),
    "mobilenet_vww": partial(in_file, "mlperf_tiny/mobilenet_vww.h5"),
    "mini_xception": partial(in_file, "emotion/fer2013_mini_xception.h5"),
    "dtln": dtln,
}
