import dataclasses

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.core.examples.source import Split
from tfcompress.core.types import Data
from tfcompress.export import converting
from tfcompress.export.strided_pointwise import with_strides_before
from tfcompress.measuring import tflite


@dataclasses.dataclass(frozen=True)
class Noise(Data):
    input_shape: tuple = (7, 8, 32)
    title: str = "noise"
    num_train: int = 32
    num_classes: int = 3
    scale: float = 1 / 255

    def load(self):
        rng = np.random.default_rng(0)
        splits = [Split(rng.integers(0, 256, (32, *self.input_shape), "uint8"), rng.integers(0, 3, 32)) for _ in "ab"]
        return tuple(splits)


def shortcut(strides=2, kernel_size=1, padding="same"):
    """A shortcut of a residual block; its kernel is large enough for the converter to store it as int8."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    inputs = keras.Input((7, 8, 32))
    main = layers.Conv2D(40, 3, strides=strides, padding="same", activation="relu")(inputs)
    side = layers.Conv2D(40, kernel_size, strides=strides, padding=padding)(inputs)
    return keras.Model(inputs, layers.Dense(3)(layers.Flatten()(layers.Add()([main, side]))))


def only(by_output):
    (found,) = by_output.values()
    return found


@pytest.fixture
def plain(monkeypatch):
    """Exports without the change, to compare with."""

    def convert(exporter, model, path):
        with monkeypatch.context() as patched:
            patched.setattr(converting, "with_strides_before", lambda content: content)
            return exporter.convert(model, Noise(), path)

    return convert


@pytest.mark.parametrize("strides", [2, *(pytest.param(other, marks=pytest.mark.slow) for other in ((1, 2), 3))])
def test_int8_answers_stay_the_same_to_the_bit(strides, plain, tmp_path):
    before, after = both(tfc.Int8(), shortcut(strides), plain, tmp_path)
    np.testing.assert_array_equal(before, after)


def test_dynamic_range_answers_stay_the_same_to_its_rounding(plain, tmp_path):
    # Its kernels round their input by its own largest value, and the picked pixels may have a smaller one.
    before, after = both(tfc.DynamicRange(), shortcut(), plain, tmp_path)
    np.testing.assert_allclose(before, after, atol=0.005 * np.abs(before).max())


def both(exporter, model, plain, folder):
    """Outputs of the file as the converter wrote it, and as it is written here."""
    files = plain(exporter, model, folder / "plain.tflite"), exporter.convert(model, Noise(), folder / "changed.tflite")
    assert files[0].sha256 != files[1].sha256
    return [only(tfc.CpuReference().run(file, Noise(), {}).outputs) for file in files]


def test_quantization_aware_models_too(tmp_path):
    model = tfc.QuantizeAware().apply(shortcut(), tfc.KerasFit(Noise(), epochs=4, batch_size=8))
    artifact = tfc.Int8().convert(model, Noise(), tmp_path / "aware.tflite")
    content = artifact.path.read_bytes()
    assert with_strides_before(content) is content  # done once
    found = tfc.CpuXnnpack().run(artifact, Noise(), {"keras": model.predict(Noise().model_inputs(Noise().test.inputs))})
    assert found.status == "pass"
    assert tflite.read(artifact.path).ops.count("MAX_POOL_2D") == 1


@pytest.mark.parametrize(
    ("exporter", "model"),
    [
        (tfc.Float32(), lambda: shortcut()),
        (tfc.Float16(), lambda: shortcut()),
        (tfc.Int8(), lambda: shortcut(strides=1)),
        (tfc.Int8(), lambda: shortcut(kernel_size=3)),
    ],
    ids=["float32", "float16", "stride 1", "3x3"],
)
def test_what_the_delegate_gets_right_is_left_alone(exporter, model, plain, tmp_path):
    content = plain(exporter, model(), tmp_path / "plain.tflite").path.read_bytes()
    assert with_strides_before(content) is content


@pytest.mark.parametrize(
    "exporter",
    [pytest.param(tfc.DynamicRange(), marks=pytest.mark.slow), tfc.Int8()],
    ids=lambda exporter: exporter.mode,
)
def test_the_gpu_delegate_gets_it_right(exporter, tmp_path):
    artifact = exporter.convert(shortcut(), Noise(), tmp_path / "changed.tflite")
    cpu = only(tfc.CpuReference().run(artifact, Noise(), {}).outputs)
    found = tfc.GpuDelegate().run(artifact, Noise(), {"cpu": cpu})
    if found.status == "not run":
        pytest.skip(f"the GPU delegate was not run: {found.reason}")
    # Two steps of int8; without the change it is 0.4 of the largest output and more.
    assert only(found.agreement["cpu"]).largest_difference < 0.02 * np.abs(cpu).max()
