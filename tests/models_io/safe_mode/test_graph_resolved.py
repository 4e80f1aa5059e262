"""Keras 2 goes round for ever in a graph that cannot be made; a file of such a graph is refused."""

import json
import zipfile

import h5py
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras

pytestmark = pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
FAULTS = {
    "a layer waits for itself": {"second": [[["second", 0, 0, {}]]]},
    "two wait for each other": {"first": [[["second", 0, 0, {}]]], "second": [[["first", 0, 0, {}]]]},
    "a call that is not there": {"second": [[["first", 1, 0, {}]]]},
    "an argument that is never made": {"second": [[["first", 0, 0, {"mask": ["second", 0, 0]}]]]},
}


def model():
    inputs = keras.Input((4,))
    shared = keras.layers.Dense(4, name="first")
    hidden = keras.layers.Dense(4, name="second")(shared(inputs))
    return keras.Model(inputs, keras.layers.Add()([hidden, hidden]))


def with_calls(config, calls):
    for layer in config["config"]["layers"]:
        layer["inbound_nodes"] = calls.get(layer["name"], layer["inbound_nodes"])
    return config


def spoiled(path, calls):
    model().save(path)
    if path.suffix == ".h5":
        with h5py.File(path, "r+") as file:
            file.attrs["model_config"] = json.dumps(with_calls(json.loads(file.attrs["model_config"]), calls))
        return path
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["config.json"] = json.dumps(with_calls(json.loads(members["config.json"]), calls)).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_graph_that_never_ends_is_refused(fault, suffix, tmp_path):
    path = spoiled(tmp_path / f"model{suffix}", FAULTS[fault])
    with pytest.raises(tfc.TfcompressError, match=r"wait for each other, or for a call that is not there"):
        tfc.load_model(path)


def test_layers_in_any_order_are_made(tmp_path):
    inputs = keras.Input((4,))
    shared, between = keras.layers.Dense(4, name="shared"), keras.layers.Dense(4, name="between")
    made = keras.Model(inputs, shared(between(shared(inputs))))  # the second call of a layer waits for another layer
    made.save(tmp_path / "model.keras")
    loaded = tfc.load_model(tmp_path / "model.keras")
    assert [weight.shape for weight in loaded.weights] == [weight.shape for weight in made.weights]
