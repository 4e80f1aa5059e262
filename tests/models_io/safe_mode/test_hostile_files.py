"""Files that name code of their own at every place of a configuration: nothing of it is imported or called.

The places are not listed here: each value in the configurations of rich models of both Keras is one, in every format.
"""

import copy
import importlib
import itertools
import json
import subprocess
import sys
import types
import zipfile

import h5py
import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras as keras2
from tfcompress.core.errors import UnsupportedModel
from tfcompress.core.progress import Silent
from tfcompress.models_io.loading import door, formats, probe
from tfcompress.models_io.loading.opening import open_saved
from tfcompress.running.stage import RunContext
from tfcompress.running.store import Store

pytestmark = pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
NAMES = ("class_name", "module", "registered_name", "spec_name")
# The same object as different readers of a configuration look for it.
OBJECTS = (
    {"module": "evil_file", "class_name": "Evil", "config": {}, "registered_name": None},
    {"module": "evil_loaded", "class_name": "Evil", "config": {}, "registered_name": "tfcompress>m"},
    {"module": "evil_file", "class_name": "function", "config": "Evil", "registered_name": "relu"},
    {"module": "evil_loaded", "class_name": "Evil", "config": {"name": "x"}},
    {"module": "evil_loaded", "class_name": "__typespec__", "config": [], "spec_name": "Evil", "registered_name": None},
    {"module": "tf_keras.src.layers.core.evil_loaded", "class_name": "Evil", "config": {}, "registered_name": "Dense"},
    {"class_name": "Evil", "config": {}, "__passive_serialization__": True},
)


@pytest.fixture
def tripwire(tmp_path, monkeypatch):
    """What was imported or called of the modules `evil_file`, in the current folder, and `evil_loaded`, in memory."""
    touched = []

    class Finder:
        def find_spec(self, name, path=None, target=None):
            if "evil" in name:
                touched.append(f"import {name}")

    class Evil:
        def __init__(self, *args, **kwargs):
            touched.append("made")

        @classmethod
        def from_config(cls, config):
            touched.append("from_config")

        _deserialize = from_config

    loaded = types.ModuleType("evil_loaded")
    loaded.Evil = Evil
    (tmp_path / "evil_file.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Evil: pass\n")
    monkeypatch.setitem(sys.modules, "evil_loaded", loaded)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    # The child that looks at a file first takes a third of a second; what it does is done here.
    monkeypatch.setattr(formats, "_ask_child", lambda path, time_limit_s: probe.seen(path))
    return lambda: [*touched, *(["ran"] if (tmp_path / "ran").exists() else [])]


def rich(which, major, suffix):
    """A compiled model that holds each kind of object: nested, wrapped, shared settings, operations, a dtype policy."""
    layers = which.layers
    policy = which.mixed_precision.Policy("float32") if major == 2 else which.DTypePolicy("float32")
    inner = which.Sequential([which.Input((4, 3)), layers.Dense(3, activation="relu", dtype=policy)], name="inner")
    inputs = which.Input((4, 3))
    x = layers.TimeDistributed(layers.Dense(3, kernel_regularizer=which.regularizers.L2(0.1)))(inner(inputs))
    x = layers.Bidirectional(layers.SimpleRNN(2, kernel_constraint=which.constraints.MaxNorm(2)))(x)
    squared = x * x if major == 2 else which.ops.square(x) if suffix == ".keras" else x  # Keras 3 reads no other
    x = layers.Dense(2, kernel_initializer=which.initializers.HeNormal(), activation=which.activations.tanh)(squared)
    model = which.Model(inputs, layers.Dropout(0.1)(x), name="rich")
    rate = which.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    model.compile(which.optimizers.Adam(rate), which.losses.MeanSquaredError(), [which.metrics.MeanAbsoluteError()])
    return model


class KerasFormat:
    def read(self, path):
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.read("config.json"))

    def write(self, path, config, origin):
        with zipfile.ZipFile(origin) as archive, zipfile.ZipFile(path, "w") as target:
            for name in archive.namelist():
                target.writestr(name, json.dumps(config) if name == "config.json" else archive.read(name))


class H5Format:
    ATTRIBUTES = ("model_config", "training_config")

    def read(self, path):
        with h5py.File(path) as file:
            return {name: json.loads(file.attrs[name]) for name in self.ATTRIBUTES}

    def write(self, path, config, origin):
        path.write_bytes(origin.read_bytes())
        with h5py.File(path, "a") as file:
            file.attrs.update({name: json.dumps(value) for name, value in config.items()})


class SavedModelFormat:
    def _saved(self, path):
        messages = importlib.import_module("tf_keras.protobuf.saved_metadata_pb2")
        saved = messages.SavedMetadata()
        saved.ParseFromString((path / "keras_metadata.pb").read_bytes())
        return saved, next(node for node in saved.nodes if node.node_path == "root")

    def read(self, path):
        described = json.loads(self._saved(path)[1].metadata)
        return {"class_name": described["class_name"], "config": described["config"]}

    def write(self, path, config, origin):
        if not path.exists():
            path.mkdir()
            for name in ("saved_model.pb", "variables"):
                (path / name).symlink_to(origin / name)
        saved, root = self._saved(origin)
        root.metadata = json.dumps({**json.loads(root.metadata), **config})
        (path / "keras_metadata.pb").write_bytes(saved.SerializeToString())


FORMATS = {".keras": KerasFormat(), ".h5": H5Format(), "": SavedModelFormat()}
KINDS = [(2, ".keras"), (3, ".keras"), (2, ".h5"), (3, ".h5"), (2, "")]


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: f"Keras {kind[0]}{kind[1] or ' SavedModel'}")
def sound(request, tmp_path_factory, keras3):
    """A sound file of one kind, and how its configuration is read and written."""
    major, suffix = request.param
    path = tmp_path_factory.mktemp("sound") / f"model{suffix}"
    rich(keras2 if major == 2 else keras3, major, suffix).save(path, **({} if suffix else {"save_format": "tf"}))
    return path, FORMATS[suffix]


def places(value, path=()):
    """The path to each value in a configuration that may be an object instead, outer ones first."""
    if path and path[-1] not in NAMES:
        yield path
    if isinstance(value, dict | list):
        members = value.items() if isinstance(value, dict) else enumerate(value)
        for key, member in members:
            yield from places(member, (*path, key))


def at(config, path):
    for key in path:
        config = config[key]
    return config


def hostile_configs(config):
    """Configurations with one hostile object each, for every place: in its stead, and by its own names."""
    for path in places(config):
        for number, evil in enumerate(OBJECTS):
            whole = copy.deepcopy(config)
            at(whole, path[:-1])[path[-1]] = evil
            yield path, number, whole
        here = at(config, path)
        if isinstance(here, dict) and "class_name" in here:
            for number, evil in enumerate(OBJECTS):
                whole = copy.deepcopy(config)
                at(whole, path).update(
                    {name: evil[name] for name in (*NAMES, "config") if isinstance(evil.get(name), str)}
                )
                yield path, len(OBJECTS) + number, whole


def chosen(hostile, share):
    """Of all, one in `share`, so that every kind of object comes to every part of the configuration."""
    return itertools.islice(hostile, 0, None, share)


@pytest.mark.parametrize("share", [pytest.param(79), pytest.param(1, marks=pytest.mark.slow)])
def test_nothing_that_a_file_names_is_imported_or_called(share, sound, tripwire, tmp_path):
    origin, form = sound
    config, path = form.read(origin), tmp_path / origin.name
    assert tfc.load_with_report(origin).model.count_params() > 0
    num_files = 0
    for place, number, hostile in chosen(hostile_configs(config), share):
        form.write(path, hostile, origin)
        try:
            tfc.load_model(path)
            said = "it came in"
        except UnsupportedModel as error:
            said = str(error)
        assert not tripwire(), f"{place} as object {number}: {said}"
        # Compile is not restored, so that a name without a module leads nowhere there.
        is_inert = place[0] == "training_config" and "module" not in OBJECTS[number % len(OBJECTS)]
        is_refused = "Evil" in said or "what its settings do not name" in said
        assert is_inert or is_refused, f"{place} as object {number}: {said}"
        num_files += 1
    assert num_files > 20


@pytest.fixture
def evil_model(tmp_path):
    """Makes a .keras file of Keras 2 whose model is an object of the list above."""

    def make(number):
        keras2.Sequential([keras2.Input((3,)), keras2.layers.Dense(2)]).save(tmp_path / "model.keras")
        KerasFormat().write(tmp_path / "evil.keras", OBJECTS[number], tmp_path / "model.keras")
        return tmp_path / "evil.keras"

    return make


@pytest.mark.parametrize(("number", "touched"), [(0, "import evil_file"), (1, "from_config")])
def test_without_the_check_the_tripwire_is_touched(number, touched, evil_model, tripwire, monkeypatch):
    monkeypatch.setattr(door, "require_safe", lambda *_, **__: None)
    with pytest.raises(tfc.TfcompressError):
        tfc.load_model(evil_model(number))
    assert touched in tripwire()


def test_the_model_of_a_stage_is_looked_at_as_well(evil_model, tripwire):
    with pytest.raises(UnsupportedModel, match="'Evil'"):
        open_saved(evil_model(1))
    assert not tripwire()


def test_the_model_of_a_stage_is_a_whole_keras_file(tmp_path):
    keras2.Sequential([keras2.Input((3,)), keras2.layers.Dense(2)]).save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive, zipfile.ZipFile(tmp_path / "bad.keras", "w") as bad:
        for name in set(archive.namelist()) - {"model.weights.h5"}:
            bad.writestr(name, archive.read(name))
        with h5py.File(tmp_path / "weights.h5", "w") as file:
            file["elsewhere"] = h5py.ExternalLink("/etc/other.h5", "/secret")
        bad.write(tmp_path / "weights.h5", "model.weights.h5")
    with pytest.raises(tfc.UnreadableModel, match="outside of itself"):
        open_saved(tmp_path / "bad.keras")
    (tmp_path / "model.keras").rename(tmp_path / "model.h5")  # which tf_keras would read as HDF5
    with pytest.raises(tfc.UnreadableModel, match="must be a .keras file"):
        open_saved(tmp_path / "model.h5")


def test_a_stage_runs_code_where_the_run_began_from_a_trusted_file_and_only_there(tmp_path):
    inputs = keras2.Input((3,))
    (tmp_path / "1-original").mkdir()
    keras2.Model(inputs, keras2.layers.Lambda(lambda x: x * 2)(inputs)).save(tmp_path / "1-original" / "model.keras")
    for trust in (False, True):
        recipe = types.SimpleNamespace(stages=[types.SimpleNamespace(start=tfc.ModelFile("model.keras", trust=trust))])
        context = RunContext(recipe, Store(tmp_path), "run", Silent(), {}, folders={"original": "1-original"})
        if trust:
            assert context.model("original").predict_on_batch(np.ones((1, 3))).tolist() == [[2.0, 2.0, 2.0]]
        else:
            with pytest.raises(UnsupportedModel, match="Python bytecode"):
                context.model("original")


def test_the_current_folder_is_off_the_path_while_a_layer_is_made(tmp_path, monkeypatch):
    seen = []

    class Spy(keras2.layers.Layer):
        @classmethod
        def from_config(cls, config):
            seen.extend(sys.path)
            return cls(**config)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path, str(tmp_path)])
    keras2.Sequential([keras2.Input((3,)), Spy()]).save(tmp_path / "model.keras")
    tfc.load_model(tmp_path / "model.keras", custom_objects={"Spy": Spy})
    assert seen and not {"", str(tmp_path)} & set(seen)


def test_a_command_imports_nothing_from_the_folder_that_it_stands_in(tmp_path):
    config = {"module": "evil_file", "class_name": "Evil", "config": {}, "registered_name": "tfcompress>m"}
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("metadata.json", json.dumps({"keras_version": "2.21.0"}))
        with h5py.File(tmp_path / "empty.h5", "w"):
            pass
        archive.write(tmp_path / "empty.h5", "model.weights.h5")
    for name in ("h5py", "evil_file", "scipy", "flatbuffers"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    command = [sys.executable, "-m", "tfcompress.inspect", "model.keras"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == UnsupportedModel.exit_code
    assert "'Evil' (registered name 'tfcompress>m', module 'evil_file')" in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "ran").exists()
