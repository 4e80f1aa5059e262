"""Layers that tfmot refuses, in models that are made quantization-aware all the same, down to the int8 file."""

import dataclasses

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, tf
from tfcompress.core.examples.source import Split
from tfcompress.core.types import Data
from tfcompress.measuring import tflite
from tfcompress.measuring.measure import kernels
from tfcompress.measuring.promises import judge_file
from tfcompress.quantization.training.coverage import gaps

layers = keras.layers


@dataclasses.dataclass(frozen=True)
class Noise(Data):
    title: str = "noise"
    num_train: int = 64
    num_classes: int = 3
    input_shape: tuple = (8, 8, 4)

    def load(self):
        rng = np.random.default_rng(0)
        sizes = (64, 16)
        return tuple(Split(rng.integers(0, 256, (n, 8, 8, 4), "uint8"), rng.integers(0, 3, n)) for n in sizes)


def rescaled(body, offset=0.0):
    """A model of a user's: pixels from 0 to 255, scaled inside."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 4))
    x = layers.Conv2D(8, 3, padding="same", name="stem")(layers.Rescaling(1 / 255, offset, name="rescaling")(inputs))
    return keras.Model(inputs, layers.Dense(3, name="answer")(layers.GlobalAveragePooling2D()(body(x))))


def squeeze_and_excite(x):
    gate = layers.Conv2D(8, 1, activation="sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    return layers.Multiply()([x, gate])


WHOLE = {
    "Rescaling": lambda x: x,
    "BatchNormalization": lambda x: layers.ReLU(6.0)(layers.BatchNormalization()(x)),
    "squeeze and excite": squeeze_and_excite,
    "PReLU": layers.PReLU(shared_axes=[1, 2]),
    "swish": layers.Activation("swish"),
    "RandomFlip": layers.RandomFlip(),
    "operations on two tensors": lambda x: (x + layers.ReLU()(x)) * layers.Activation("sigmoid")(x),
    "LayerNormalization": layers.LayerNormalization(),
    "BatchNormalization alone": lambda x: layers.BatchNormalization()(layers.Add()([x, x])),
    "BatchNormalization after relu": lambda x: layers.BatchNormalization()(layers.Conv2D(4, 3, activation="relu")(x)),
    "BatchNormalization after Dense": lambda x: layers.ReLU()(layers.BatchNormalization()(layers.Dense(4)(x))),
}


def all_of_them(x):
    x = WHOLE["BatchNormalization"](WHOLE["LayerNormalization"](x))
    return WHOLE["BatchNormalization after Dense"](WHOLE["operations on two tensors"](squeeze_and_excite(x)))


PARTLY = {
    "GroupNormalization": (
        lambda x: layers.GroupNormalization(4, name="odd")(x),
        "tfmot knows no quantization of Group",
    ),
    "swish inside": (
        lambda x: layers.Conv2D(4, 3, activation="swish", name="odd")(x),
        "swish inside of Conv2D is not int8",
    ),
    "relu6 inside": (
        lambda x: layers.Conv2D(4, 3, activation=tf.nn.relu6, name="odd")(x),
        "relu6 inside of Conv2D is not int8",
    ),
    "elu": (lambda x: layers.Activation("elu")(x), "no quantization of the activation elu"),
    "an operation": (lambda x: tf.nn.relu6(x + 3.0), "tfmot knows no quantization of TFOpLambda"),
}


def compress(model, folder):
    aware = tfc.QuantizeAware().apply(model, tfc.KerasFit(Noise(), epochs=6, batch_size=16, learning_rate=0.001))
    artifact = tfc.Int8().convert(aware, Noise(), folder / "aware.tflite")
    outputs = aware.predict(Noise().model_inputs(Noise().test.inputs), verbose=0)
    found = tfc.CpuXnnpack().run(artifact, Noise(), {"keras": outputs})
    (agreement,) = found.agreement["keras"].values()
    assert agreement.largest_difference < 0.1 * np.abs(outputs).max()
    return tflite.read(artifact.path)


@pytest.mark.parametrize(
    "body", [all_of_them, *(pytest.param(WHOLE[name], marks=pytest.mark.slow, id=name) for name in WHOLE)]
)
def test_elementwise_layers_become_int8_by_their_output(body, tmp_path):
    model = rescaled(body)
    assert gaps(model) == {}
    contents = compress(model, tmp_path)
    (verdict,) = judge_file(tfc.QuantizeAware().promises(model), contents, sizes(model))
    assert (verdict.promised, verdict.measured, verdict.kept) == (1.0, 1.0, True)


@pytest.mark.parametrize(("body", "reason"), PARTLY.values(), ids=PARTLY)
def test_what_stays_in_float_has_its_reason(body, reason):
    assert any(reason in told for told in gaps(rescaled(body)).values())


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name == "swish inside" else pytest.mark.slow) for name in PARTLY]
)
def test_what_stays_in_float_is_named_and_promised_less(name, tmp_path, remarks):
    body, reason = PARTLY[name]
    model = rescaled(body)
    contents = compress(model, tmp_path)
    assert any("stays in float: " in remark and reason in remark for remark in remarks)
    (verdict,) = judge_file(tfc.QuantizeAware().promises(model), contents, sizes(model))
    assert verdict.kept
    assert (verdict.promised < 1) == ("odd/kernel" in kernels(model))


def test_strict_refuses_them():
    with pytest.raises(tfc.UnsupportedModel, match="QuantizeAware.strict .* odd: tfmot knows no"):
        tfc.QuantizeAware(strict=True).apply(rescaled(PARTLY["GroupNormalization"][0]), fit=None)


@pytest.mark.parametrize(
    "offset", [pytest.param(-1.0, marks=pytest.mark.slow), [-0.5, -0.4, 0.0, -0.6]], ids=["a number", "by channel"]
)
def test_a_rescaling_with_an_offset_becomes_int8(offset, tmp_path):
    model = rescaled(lambda x: x, offset)
    assert gaps(model) == {}
    ops = compress(model, tmp_path).ops
    assert {"MUL", "ADD"} <= set(ops)
    assert not {"QUANTIZE", "DEQUANTIZE"} & set(ops), ops


def test_such_a_model_reloads_exactly(tmp_path):
    aware = tfc.QuantizeAware().apply(
        rescaled(squeeze_and_excite, -1.0), tfc.KerasFit(Noise(), epochs=1, batch_size=16)
    )
    tfc.save_model(aware, tmp_path / "aware.keras")
    inputs = Noise().model_inputs(Noise().test.inputs)
    again = tfc.load_model(tmp_path / "aware.keras")
    np.testing.assert_array_equal(again.predict(inputs, verbose=0), aware.predict(inputs, verbose=0))


def sizes(model):
    return {name: int(values.size) for name, values in kernels(model).items()}


def test_zeros_stay_in_layers_that_stay_in_float(digits):
    inputs = keras.Input((8, 8, 1))
    memory = layers.SimpleRNN(8, name="memory")(layers.Reshape((8, 8))(inputs))
    model = keras.Model(inputs, layers.Dense(10, name="logits")(memory))
    fit = tfc.KerasFit(digits, epochs=1)
    sparse = tfc.PruneWeights(0.5).apply(model, fit)
    before, kept = kernels(sparse), kernels(tfc.QuantizeAware().apply(sparse, fit))
    for name in ("memory/kernel", "memory/recurrent_kernel"):
        assert (before[name] == 0).mean() == 0.5 and (kept[name] != before[name]).any()
        np.testing.assert_array_equal(kept[name] == 0, before[name] == 0)
    filled = kernels(tfc.QuantizeAware(keep_sparsity=False).apply(sparse, fit))
    assert (filled["memory/kernel"] == 0).mean() < 0.2
