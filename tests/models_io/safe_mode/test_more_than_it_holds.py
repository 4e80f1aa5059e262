"""Small files that describe large models: what is made of them stays within what the file holds."""

import contextlib
import json
import signal
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import h5py
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras as keras2
from tfcompress.core.errors import UnreadableModel
from tfcompress.layers.twins import keras3
from tfcompress.models_io.safe_mode.weights_held import weights_within

pytestmark = pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
MAJORS = pytest.mark.parametrize("major", [2, 3])


def of_keras(major):
    return keras2 if major == 2 else keras3()


def saved(model, path):
    model.save(path, **({"save_format": "keras"} if isinstance(model, keras2.Model) else {}))
    return path


def with_units(major, path, *units):
    """A model of Dense layers whose file says that they have other units than those that it holds weights of."""
    which = of_keras(major)
    layers = [which.layers.Dense(100, name=f"dense_{number}") for number, _ in enumerate(units)]
    saved(which.Sequential([which.Input((100,)), *layers]), path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    dense = [layer for layer in config["config"]["layers"] if layer["class_name"] == "Dense"]
    for layer, number in zip(dense, units, strict=True):
        layer["config"]["units"] = number
        layer.pop("build_config", None)
    config.pop("build_config", None)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**members, "config.json": json.dumps(config).encode()}.items():
            archive.writestr(name, content)
    return path


def as_wide(major, path):
    """Each layer has fewer units than the file has bytes; the kernel between them would take 6.4 GB."""
    return with_units(major, path, 40_000, 40_000)


@MAJORS
def test_layers_whose_kernel_is_a_product_of_two_sizes_are_refused(major, tmp_path, message):
    said = message(UnreadableModel, lambda: tfc.load_model(as_wide(major, tmp_path / "wide.keras")))
    assert "bytes of weights, and describes one of shape (40000, 40000) in layer 'dense_1'" in said


@MAJORS
def test_what_a_file_holds_may_be_made_and_no_more(major, tmp_path):
    """Four times the file's own 20 MB: 78.4 MB are, and another four are not."""
    layers = of_keras(major).layers
    with weights_within(20_000_000, Path("model.keras")):
        layers.Dense(4000).build((None, 4900))
        with pytest.raises(UnreadableModel, match=r"holds 20,000,000 bytes .* of shape \(1000, 1000\)"):
            layers.Dense(1000).build((None, 1000))
    layers.Dense(1000).build((None, 1000))  # whoever makes a layer without a file is not asked


def test_two_files_at_once_are_asked_each_for_its_own(tmp_path):
    """One thread reads a small file, while another makes a model that has nothing to do with it."""
    inside, done = threading.Event(), []

    def build():
        inside.wait(60)
        done.append(keras2.layers.Dense(5000))
        done[0].build((None, 5000))

    other = threading.Thread(target=build)
    other.start()
    with weights_within(0, Path("small.keras")):
        inside.set()
        other.join(60)
    assert done[0].kernel.shape == (5000, 5000)
    assert keras2.layers.Layer.add_weight.__module__.startswith("tf_keras")


@MAJORS
@pytest.mark.parametrize("what", ["input", "upsampling"])
def test_tensors_that_would_fill_the_memory_are_not_computed(major, what, tmp_path):
    which = of_keras(major)
    inputs = which.Input((60_000, 60_000, 3) if what == "input" else (4, 4, 3))
    x = inputs if what == "input" else which.layers.UpSampling2D(10_000)(inputs)
    x = which.layers.GlobalAveragePooling2D()(x)
    path = saved(which.Model(inputs, which.layers.Dense(2)(x)), tmp_path / "model.keras")
    report = tfc.load_with_report(path)
    if major == 3:  # a flat model of Keras 2 comes in as it is, and is compared with nothing
        assert report.largest_difference is None
        assert report.not_compared.startswith("its tensors for 2 examples would take ")
        assert float(report.not_compared.split()[-4]) > 30
    assert report.model.count_params() == 8


def huge_dataset(tmp_path):
    path = tmp_path / "huge.h5"
    which = keras3()
    which.Sequential([which.Input((4,)), which.layers.Dense(3)]).save(path)
    with h5py.File(path, "a") as file:
        file.create_dataset("huge", shape=(2**40,), dtype="float32", chunks=(1 << 20,))
    return path


def spaces(tmp_path):
    path = with_units(3, tmp_path / "spaces.keras", 100)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content + b" " * (24 << 20) if name == "config.json" else content)
    return path


HOSTILE = {
    "an .h5 with a dataset of 2^40 numbers": huge_dataset,
    "Dense(units=4e8)": lambda folder: with_units(3, folder / "dense.keras", 400_000_000),
    "Dense(units=4e8) of Keras 2": lambda folder: with_units(2, folder / "dense.keras", 400_000_000),
    "two layers of 40,000 units": lambda folder: as_wide(3, folder / "wide.keras"),
    "a config.json of 24 MB in 25 kB": spaces,
}


@pytest.mark.slow
@pytest.mark.parametrize("what", HOSTILE)
def test_inspecting_takes_no_more_memory_than_inspecting_a_small_file(what, tmp_path):
    small = with_units(3, tmp_path / "small.keras", 100)
    code, normal, _ = inspected(small)
    assert code == 0
    path = HOSTILE[what](tmp_path)
    code, peak, said = inspected(path)
    print(
        f"{what}: {path.stat().st_size:,} bytes, exit code {code}, {peak >> 20} MiB ({normal >> 20} for a small file)"
    )
    assert (code, said.count("\n")) == (43, 1), said
    assert peak < normal + (300 << 20)


def inspected(path):
    """The exit code, the largest resident memory of any process of it, and what was said on stderr."""
    code = (
        "import resource, subprocess, sys\n"
        "done = subprocess.run([sys.executable, '-m', 'tfcompress.inspect', sys.argv[1]], stdout=subprocess.DEVNULL)\n"
        "print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=300)
    exit_code, kilobytes = map(int, done.stdout.split())
    return exit_code, kilobytes << 10, done.stderr


@pytest.mark.slow
def test_no_process_stays_when_inspect_is_killed(tmp_path):
    """The reader is busy with a dataset of millions of parts, none of which is there."""
    path = tmp_path / "slow.h5"
    which = keras3()
    which.Sequential([which.Input((4,)), which.layers.Dense(3)]).save(path)
    with h5py.File(path, "a") as file:
        file.create_dataset("parts", shape=(60 << 20,), dtype="float32", chunks=(8,))
    parent = subprocess.Popen([sys.executable, "-m", "tfcompress.inspect", str(path)])
    try:
        children = waited_for(lambda: readers(tmp_path))
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert children
    assert waited_for(lambda: not readers(tmp_path))


def readers(folder):
    """The processes that read something in a folder, by their command lines."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes().split(b"\0")
            if b"tfcompress.models_io.loading.probe" in words and str(folder).encode() in b" ".join(words):
                found.append(path)
    return found


def waited_for(fact, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := fact():
            return value
        time.sleep(0.05)
    return None
