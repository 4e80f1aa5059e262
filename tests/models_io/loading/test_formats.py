"""Files of every kind, sound and damaged."""

import contextlib
import os
import re
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras as keras2
from tfcompress.core.errors import TfcompressError, UnreadableModel, UnsupportedModel
from tfcompress.models_io.loading import formats

pytestmark = pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
NUM_MUTATIONS = [pytest.param(12), pytest.param(200, marks=pytest.mark.slow)]


@pytest.fixture
def keras2_model():
    """A tf_keras model with a model inside, and TensorFlow's operations between layers."""
    backbone = keras2.Sequential([keras2.Input((8, 8, 3)), keras2.layers.Conv2D(4, 3, name="conv")], name="backbone")
    inputs = keras2.Input((8, 8, 3))
    return keras2.Model(inputs, keras2.layers.Dense(2)(keras2.layers.Flatten()(backbone(inputs * 2.0) + 1.0)))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_files_of_keras_3(suffix, small, tmp_path):
    small.save(tmp_path / f"model{suffix}")
    arrival = tfc.load_with_report(str(tmp_path / f"model{suffix}"))
    assert arrival.largest_difference < 1e-4
    assert arrival.origin == f"model{suffix} (Keras 3)"


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "saved_model"])
def test_files_of_keras_2(name, keras2_model, tmp_path, answers_equal):
    keras2_model.save(tmp_path / name, **({"save_format": "tf"} if name == "saved_model" else {}))
    arrival = tfc.load_with_report(tmp_path / name)
    assert arrival.origin == f"{name} (Keras 2)"
    assert "backbone_conv" in {layer.name for layer in arrival.model.layers}
    assert answers_equal(arrival.model, keras2_model, np.ones((2, 8, 8, 3), "float32"), 1e-6)


def test_a_saved_model_from_before_tensorflow_2_5(keras2_model, tmp_path, answers_equal):
    """Its metadata is within saved_model.pb, in a field that is still there; newer ones have a file beside it."""
    from tensorflow.core.protobuf import saved_model_pb2
    from tf_keras.protobuf import saved_metadata_pb2

    folder = tmp_path / "old"
    keras2_model.save(folder, save_format="tf")
    beside, graph = saved_metadata_pb2.SavedMetadata(), saved_model_pb2.SavedModel()
    beside.ParseFromString((folder / "keras_metadata.pb").read_bytes())
    graph.ParseFromString((folder / "saved_model.pb").read_bytes())
    for node in beside.nodes:
        held = graph.meta_graphs[0].object_graph_def.nodes[node.node_id].user_object
        held.identifier, held.metadata = node.identifier, node.metadata
    (folder / "saved_model.pb").write_bytes(graph.SerializeToString())
    (folder / "keras_metadata.pb").unlink()
    arrival = tfc.load_with_report(folder)
    assert arrival.origin == "old (Keras 2)"
    assert answers_equal(arrival.model, keras2_model, np.ones((2, 8, 8, 3), "float32"), 1e-6)


def test_a_model_of_another_ending_is_known_by_its_bytes(small, tmp_path):
    small.save(tmp_path / "model.keras")
    (tmp_path / "model.keras").rename(tmp_path / "model.bin")
    assert tfc.load_with_report(tmp_path / "model.bin").largest_difference < 1e-4


def test_what_is_no_model_says_what_it_is(keras2_model, tmp_path, message):
    keras2_model.export(tmp_path / "exported")
    keras2_model.save_weights(tmp_path / "weights.h5")
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.keras").write_text("hello")
    expected = {
        "exported": (UnsupportedModel, "model.export wrote it"),
        "weights.h5": (UnsupportedModel, "model.save_weights wrote it"),
        "empty": (UnreadableModel, "no SavedModel"),
        "text.keras": (UnreadableModel, "neither a .keras nor an .h5 file"),
        "missing.keras": (UnreadableModel, "There is none of this name"),
    }
    for name, (kind, words) in expected.items():
        assert words in message(kind, lambda name=name: tfc.load_model(tmp_path / name))


def test_what_is_no_path_and_no_model_is_an_invalid_value(message):
    assert "Received: a int" in message(tfc.InvalidValue, lambda: tfc.load_model(3))


@pytest.mark.parametrize("num_mutations", NUM_MUTATIONS)
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_damaged_files_end_in_one_line(suffix, num_mutations, small, tmp_path):
    """Truncated anywhere, or with 1 to 20 bits turned over; a file whose weights only changed may still come in."""
    path, random = tmp_path / f"model{suffix}", np.random.default_rng(0)
    small.save(path)
    sound = path.read_bytes()
    for number in range(num_mutations):
        content = bytearray(sound)
        if number % 2:
            del content[random.integers(0, len(content)) :]
        else:
            for _ in range(random.integers(1, 21)):
                content[random.integers(0, len(content))] ^= 1 << random.integers(0, 8)
        path.write_bytes(content)
        try:
            tfc.load_model(path)
        except TfcompressError as error:
            assert "\n" not in str(error), number
            assert len(str(error)) < 1000, number


def test_a_child_that_crashes_or_hangs_is_a_sentence(monkeypatch, tmp_path, message):
    (tmp_path / "model.keras").write_bytes(b"PK")
    python = tmp_path / "python"
    monkeypatch.setattr(sys, "executable", str(python))
    for script, words in {"kill -SEGV $$": "SIGSEGV", "sleep 60": "within 1 s", "exit 7": "exit code 7"}.items():
        python.write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(0o755)
        said = message(UnreadableModel, lambda: formats.find_facts(tmp_path / "model.keras", time_limit_s=1.0))
        assert words in said


def test_a_file_that_would_fill_the_memory_is_refused(tmp_path, message):
    with zipfile.ZipFile(tmp_path / "bomb.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("metadata.json", "config.json"):
            archive.writestr(name, "{}")
        with archive.open("model.weights.h5", "w", force_zip64=True) as member:
            for _ in range(300):
                member.write(bytes(1 << 20))
    assert "times its size" in message(UnreadableModel, lambda: tfc.load_model(tmp_path / "bomb.keras"))


def test_data_outside_of_an_h5_file_is_refused(small, tmp_path, message):
    import h5py

    small.save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "a") as file:
        file["elsewhere"] = h5py.ExternalLink("/etc/other.h5", "/secret")
    assert "outside of itself" in message(UnreadableModel, lambda: tfc.load_model(tmp_path / "model.h5"))


def test_an_h5_dataset_that_declares_more_than_the_file_holds_is_refused(small, tmp_path, message):
    import h5py

    small.save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "a") as file:
        file.create_dataset("huge", shape=(2**40,), dtype="float32", chunks=(1 << 20,))
    begin = time.monotonic()
    said = message(UnreadableModel, lambda: tfc.load_model(tmp_path / "model.h5"))
    assert "declares with /huge far more weights than its" in said
    assert time.monotonic() - begin < 10


def with_config(small, path, change):
    """A .keras file with another config.json."""
    small.save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["config.json"] = change(members["config.json"].decode())
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda text: re.sub(r'"units": \d+', '"units": 400000000', text),
            "declares a layer with units 400000000",
        ),
        (lambda text: text + " " * (24 << 20), "has a config.json that would unpack to 2517"),
        (lambda text: "null", "whose config.json is null"),
    ],
)
def test_a_configuration_that_the_file_does_not_hold_is_refused(small, tmp_path, message, change, words):
    path = with_config(small, tmp_path / "model.keras", change)
    assert words in message((UnreadableModel, tfc.UnsupportedModel), lambda: tfc.load_model(path))


def test_a_folder_that_is_no_model_is_refused_at_once(message):
    assert "without saved_model.pb" in message(UnreadableModel, lambda: tfc.load_model("/"))


def test_a_reader_goes_with_its_parent(tmp_path):
    """The reader waits for a pipe that nobody writes to; its parent is killed."""
    os.mkfifo(tmp_path / "model.keras")
    code = (
        "import subprocess, sys\nfrom tfcompress.backend.search_path import PACKAGE_PARENT\n"
        "command = [sys.executable, '-m', 'tfcompress.models_io.loading.probe', *sys.argv[1:]]\n"
        "child = subprocess.Popen(command, cwd=PACKAGE_PARENT)\nprint(child.pid, flush=True)\nchild.wait()"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "model.keras"), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        pid = int(parent.stdout.readline())
        status = Path(f"/proc/{pid}/status")
        deadline = time.monotonic() + 30
        writer = None
        while writer is None:  # until the reader opens the pipe
            assert time.monotonic() < deadline
            with contextlib.suppress(OSError):
                writer = os.open(tmp_path / "model.keras", os.O_WRONLY | os.O_NONBLOCK)
            time.sleep(0.05)
        parent.kill()
        while status.exists() and "Z (zombie)" not in status.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.close(writer)
