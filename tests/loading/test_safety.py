"""A file runs nothing of its own unless it is trusted."""

import json
import zipfile

import pytest

import tfcompress as tfc
from tfcompress.core.errors import UnsupportedModel
from tfcompress.core.keras import keras as keras2
from tfcompress.loading.safety import dangers


def knows_nothing(name):
    return False


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("major", [2, 3])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_a_lambda_is_refused_and_named_unless_trusted(major, suffix, keras3, tmp_path, message):
    keras = keras2 if major == 2 else keras3
    inputs = keras.Input((4,))
    keras.Model(inputs, keras.layers.Lambda(lambda x: x + 1, name="plus")(inputs)).save(tmp_path / f"model{suffix}")
    said = message(UnsupportedModel, lambda: tfc.load_model(tmp_path / f"model{suffix}"))
    assert "'plus'" in said and "Python bytecode that the file holds" in said and "safe_mode=False" in said
    assert tfc.bring_in(tmp_path / f"model{suffix}", safe_mode=False).largest_difference == 0


LAYER = {"module": "keras.layers", "registered_name": None}


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({**LAYER, "class_name": "TFSMLayer", "config": {"name": "x", "filepath": "/evil"}}, "SavedModel from a path"),
        (
            {**LAYER, "class_name": "StringLookup", "config": {"vocabulary": "/etc/passwd"}},
            "read the file '/etc/passwd'",
        ),
        ({"class_name": "TFOpLambda", "config": {"function": "io.write_file"}}, "call tf.io.write_file"),
        ({"class_name": "TFOpLambda", "config": {"function": "py_function"}}, "call tf.py_function"),
        ({"class_name": "TFOpLambda", "config": {"function": "compat.v1.read_file"}}, "call tf.compat.v1.read_file"),
        ({"class_name": "TFOpLambda", "config": {"function": "raw_ops.WriteFile"}}, "call tf.raw_ops.WriteFile"),
        ({"class_name": "function", "config": "get_file", "module": "keras.utils"}, "use keras.utils.get_file"),
        ({"class_name": "function", "config": "eval", "module": "builtins"}, "use builtins.eval"),
    ],
)
def test_code_anywhere_in_a_configuration_is_found(item, expected):
    config = {"class_name": "Sequential", "config": {"name": "model", "layers": [{"deep": [item]}]}}
    assert expected in next(dangers(config, knows_nothing)).what


@pytest.mark.parametrize(
    "symbol", ["math.add", "nn.relu", "__operators__.getitem", "reshape", "concat", "compat.v1.transpose"]
)
def test_operations_that_only_compute_pass(symbol):
    assert not list(dangers({"class_name": "TFOpLambda", "config": {"function": symbol}}, knows_nothing))


def test_a_module_outside_of_keras_is_never_imported(small, tmp_path, message):
    marker = tmp_path / "ran"
    (tmp_path / "evil_module.py").write_text(f"open({str(marker)!r}, 'w')")
    small.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    text = members["config.json"].decode().replace('"module": "keras.layers", "class_name": "Flatten"',
                                                   '"module": "evil_module", "class_name": "Flatten"')  # fmt: skip
    assert "evil_module" in text and json.loads(text)
    with zipfile.ZipFile(tmp_path / "evil.keras", "w") as archive:
        for name, content in {**members, "config.json": text}.items():
            archive.writestr(name, content)
    said = message(UnsupportedModel, lambda: tfc.load_model(tmp_path / "evil.keras"))
    assert "custom_objects" in said and "'Flatten'" in said
    assert not marker.exists()
