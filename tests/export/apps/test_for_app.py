"""Files that take bytes as they are stored, and give what an app wants."""

import dataclasses

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.core.errors import ConversionFailed, InvalidValue
from tfcompress.core.examples.source import Split
from tfcompress.core.types import Data, Exporter
from tfcompress.export.apps.ends import Rule
from tfcompress.export.apps.for_app import run_stored
from tfcompress.measuring.targets.file_operations import ends_of, operations_of

RULES = {
    "0..1": (1 / 255, 0.0),
    "-1..1": (1 / 127.5, -1.0),
    "-128..127": (1.0, -128.0),
    "by channel": ((0.017, 0.018, 0.019), (-2.1, -2.0, -1.8)),
}


@dataclasses.dataclass(frozen=True)
class Photos(Data):
    """A thousand bytes images of noise around a brightness of their own."""

    scale: object = 1 / 255
    offset: object = 0.0
    title: str = "photos"
    num_train: int = 1000
    num_classes: int = 4
    input_shape: tuple = (6, 6, 3)

    def load(self):
        rng = np.random.default_rng(5)
        level = rng.integers(0, 200, (1000, 1, 1, 1))
        photos = (level + rng.integers(0, 56, (1000, 6, 6, 3))).astype("uint8")
        photos[:, 0, 0, :2] = 0, 255  # so that calibration sees the whole range
        split = Split(photos, rng.integers(0, 4, 1000))
        return split, split


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    x = keras.Input((6, 6, 3), name="photo")
    y = keras.layers.Conv2D(4, 3, activation="relu", name="conv")(x)
    return keras.Model(x, keras.layers.Dense(4, name="logits")(keras.layers.Flatten()(y)))


@pytest.mark.parametrize("exporter", [tfc.Int8(), tfc.Float32()], ids=["int8", "float32"])
@pytest.mark.parametrize("name", RULES)
def test_bytes_give_what_scaled_inputs_give_on_a_thousand_pictures(model, tmp_path, exporter, name):
    data = Photos(*RULES[name])
    plain = exporter.convert(model, data, tmp_path / "plain.tflite")
    made = tfc.ForApp(exporter).convert(model, data, tmp_path / "raw.tflite")
    (kind,), _ = ends_of(made.path)
    assert kind.dtype == "uint8" and made.is_raw and made.mode.endswith("_uint8_in")
    rule = Rule(*(each if isinstance(each, tuple) else (each,) for each in RULES[name]))
    stored = {"photo": data.test.inputs}
    (expected,), (step,) = run_stored(plain.path.read_bytes(), stored, rule, False)
    (found,), _ = run_stored(made.path.read_bytes(), stored, rule, True)
    largest = np.abs(found - expected).max()
    assert len(found) == 1000 and largest <= (step if step else 1e-5)
    assert np.ptp(expected) > 10 * largest


@pytest.mark.parametrize(
    ("name", "exporter", "ops"),
    [
        ("0..1", tfc.Int8(), {"QUANTIZE"}),
        ("-1..1", tfc.Int8(), {"DEQUANTIZE", "CAST", "GATHER"}),
        ("by channel", tfc.Int8(), {"DEQUANTIZE", "CAST", "ADD", "GATHER"}),
        ("0..1", tfc.Float32(), {"DEQUANTIZE"}),
        ("-1..1", tfc.Float32(), {"DEQUANTIZE", "MUL", "ADD"}),
    ],
)
def test_the_quantization_holds_the_rule_where_it_can(model, tmp_path, name, exporter, ops):
    made = tfc.ForApp(exporter).convert(model, Photos(*RULES[name]), tmp_path / "raw.tflite")
    network = {"CONV_2D", "RESHAPE", "FULLY_CONNECTED"}
    assert {each.op for each in operations_of(made.path)} - network == ops


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_checks_run_it_as_an_app_does(model, tmp_path, activation, remarks):
    data = Photos(*RULES["-1..1"])
    exporter = tfc.ForApp(tfc.Int8(), outputs="float32", activation=activation)
    made = exporter.convert(model, data, tmp_path / "app.tflite")
    keras_outputs = model.predict(data.model_inputs(data.test.inputs), verbose=0)
    found = tfc.CpuBuiltin().run(made, data, {"keras": {"logits": keras_outputs}})
    assert (found.status, found.reason) == ("pass", "")
    assert found.agreement["keras"]["logits"].largest_difference < 0.05
    assert found.outputs["logits"].min() >= 0 and found.outputs["logits"].max() <= 1
    assert found.metrics["accuracy"] == np.mean(found.outputs["logits"].argmax(-1) == data.test.targets)
    assert remarks[-1] == (
        "The file takes photo as it is stored, uint8: scale and offset are by a table (CAST, GATHER), "
        f"ends in a {activation}, gives logits in float32."
    )


def test_an_impostor_with_raw_inputs_fails_its_check(model, tmp_path):
    data, other = Photos(*RULES["0..1"]), keras.models.clone_model(model)
    made = tfc.ForApp(tfc.Int8()).convert(other, data, tmp_path / "other.tflite")
    keras_outputs = model.predict(data.model_inputs(data.test.inputs), verbose=0)
    assert tfc.CpuBuiltin().run(made, data, {"keras": {"logits": keras_outputs}}).status == "fail"
    unsaid = dataclasses.replace(
        tfc.ForApp(tfc.Float32()).convert(model, Photos(*RULES["-1..1"]), made.path), is_raw=False
    )
    assert tfc.CpuBuiltin().run(unsaid, Photos(*RULES["-1..1"]), {"keras": {"logits": keras_outputs}}).status == "fail"


def test_a_rule_that_is_not_kept_writes_no_file(model, tmp_path, monkeypatch):
    from tfcompress.export.apps import for_app

    monkeypatch.setattr(for_app.Surgeon, "_is_quantize", lambda self, rule, kind, point: True)
    data = Photos(2 / 255, 0.0)  # calibrated in another range than the one that is said below
    monkeypatch.setattr(
        for_app,
        "Rule",
        lambda scale, offset: Rule((scale[0] / 2,), offset) if scale[0] > 0.005 else Rule(scale, offset),
    )
    monkeypatch.setattr(
        for_app, "run_stored", lambda content, stored, rule, is_raw: ([np.ones((2, 4)) * is_raw], [0.1])
    )
    with pytest.raises(ConversionFailed, match="outputs differ by 1, and a step is 0.1. No file was written"):
        tfc.ForApp(tfc.Int8()).convert(model, data, tmp_path / "wrong.tflite")
    assert not list(tmp_path.iterdir())


def test_the_page_says_what_the_file_takes(model, tmp_path):
    exporter = tfc.WithMetadata(tfc.ForApp(tfc.Int8()))
    exporter.convert(model, Photos(*RULES["-1..1"]), tmp_path / "app.tflite")
    page = (tmp_path / "app.md").read_text()
    assert "| in | photo | 1x6x6x3 | uint8 | photos, as stored: the file scales them itself |" in page
    assert "- mcu: `tfcompress export app.tflite --c`" in page and "app_add_operations(resolver);" in page
    assert 'given["photo"] = x.astype("uint8")' in page and "(x - " not in page


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"inputs": "int8"}, "ForApp.inputs must be 'uint8', 'float32' or None"),
        ({"outputs": "uint8"}, "ForApp.outputs must be 'float32', 'int8' or None"),
        ({"activation": "relu"}, "ForApp.activation must be 'softmax', 'sigmoid' or ''"),
        ({"inputs": None}, "ForApp.inputs must be given, or outputs, or activation"),
    ],
)
def test_settings_out_of_range_are_refused(settings, words):
    with pytest.raises(InvalidValue, match=words):
        tfc.ForApp(tfc.Int8(), **settings)


def test_what_cannot_be_made_is_refused_by_name(model, tmp_path):
    data = Photos()
    floats = tfc.dataset(
        (np.zeros((40, 6, 6, 3), "float32"), np.zeros(40, int)), (np.zeros((4, 6, 6, 3), "float32"), np.zeros(4, int))
    )
    with pytest.raises(InvalidValue, match="is for data whose inputs are stored as uint8. Received: float32"):
        tfc.ForApp(tfc.Float32()).convert(model, floats, tmp_path / "x.tflite")
    with pytest.raises(InvalidValue, match="Received: float32, whose 'logits' is float32"):
        tfc.ForApp(tfc.Float32(), outputs="int8").convert(model, data, tmp_path / "x.tflite")
    ended = keras.Model(model.inputs, keras.layers.Softmax(name="shares")(model.outputs[0]))
    with pytest.raises(InvalidValue, match="Received: one that ends in softmax"):
        tfc.ForApp(tfc.Float32(), activation="softmax").convert(ended, data, tmp_path / "x.tflite")
    assert not list(tmp_path.iterdir())


def test_contract():
    assert isinstance(tfc.ForApp(tfc.Int8()), Exporter)
