"""A small network trained on digits, and its pruned and quantization-aware selves, made once a session."""

import contextlib
import gc
import io
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tfcompress.backend.tensorflow import prepare_environment

prepare_environment()
# Two processes run on two cores: threads of TensorFlow's own would wait for each other, and for the other process.
for threads in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(threads, "1")
os.environ.setdefault("TFCOMPRESS_HURRIED_LATENCY", "1")  # half a second for each check of each file is most of a check
# TensorFlow's graphs are millions of objects, and Python's default is to walk the young ones every 700 allocations.
gc.set_threshold(50_000, 20, 20)
# So a worker of pytest-xdist begins, or what nohup starts, and so would its children: no signal would reach them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
os.environ.setdefault("TFDS_DATA_DIR", str(Path(__file__).parents[2] / "shared" / "data" / "tfds"))


@pytest.fixture
def remarks():
    """What is remarked while a test runs, as a run would collect it."""
    from tfcompress.core.remarks import collecting

    with collecting() as said:
        yield said


@pytest.fixture(scope="session")
def recipe_command():
    """`python -m tfcompress.recipe` in this process: what it does, without seconds of TensorFlow's import for each.

    Called with its arguments, and `cwd`, the folder it runs in; gives what `subprocess.run` does.
    """
    from rich.console import Console

    from tfcompress.cli import terminal
    from tfcompress.cli.recipe import main

    def run(*arguments, cwd):
        command, out, err = ["python", "-m", "tfcompress.recipe", *map(str, arguments)], io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(cwd)
            # The console of messages has a descriptor of its own, which no redirection reaches.
            patch.setattr(terminal, "MESSAGES", Console(file=err, highlight=False, soft_wrap=True))
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = main(command[3:], " ".join(command[:3]))
        return subprocess.CompletedProcess(command, code, out.getvalue(), err.getvalue())

    return run


@pytest.fixture(scope="session")
def digits():
    import tfcompress as tfc

    return tfc.Digits()


@pytest.fixture(scope="session")
def trained(digits):
    """SimpleCNN after 220 steps: sure enough of its answers that rounding changes few of them."""
    import tfcompress as tfc
    from tfcompress.backend.tensorflow import set_seed, start_quietly

    start_quietly()
    set_seed(0)
    return tfc.Train().apply(tfc.simple_cnn(digits.input_shape), tfc.KerasFit(digits, epochs=10))


@pytest.fixture(scope="session")
def sparse(trained):
    """`trained` with the smaller half of each kernel set to zero."""
    import numpy as np

    from tfcompress.models_io.copying import copy_model

    model = copy_model(trained)
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            kernel = layer.kernel.numpy()
            layer.kernel.assign(np.where(np.abs(kernel) > np.median(np.abs(kernel)), kernel, 0))
    return model


@pytest.fixture(scope="session")
def aware(sparse, digits):
    """`sparse` made quantization-aware, its zeros kept."""
    import tfcompress as tfc
    from tfcompress.backend.tensorflow import set_seed

    set_seed(0)
    return tfc.QuantizeAware().apply(sparse, tfc.KerasFit(digits, epochs=2, learning_rate=0.01))


@pytest.fixture
def made_run(tmp_path):
    """Makes the folder of a finished run of two stages and one file, of bytes that mean nothing: no TensorFlow."""
    import dataclasses

    from tfcompress.core.tasks.task import ACCURACY
    from tfcompress.core.types import Finding
    from tfcompress.measuring.measure import Measurement
    from tfcompress.running.folder.seals import digests, sealed
    from tfcompress.running.records import FileRecord, StageRecord, to_json
    from tfcompress.running.report import Report, write
    from tfcompress.running.store import Store

    def write_stage(store, number, name, models, salt):
        figures = Measurement(10, 20, (), 0.5, {"a/kernel": 0.5}, False)
        record = StageRecord(
            *(name, f"key of {name}", "Train()", None, "build", 4, 1.5, {"accuracy": 0.9}, 360, figures, {}, (), ()),
            *({"loss": [2.0]}, (), (ACCURACY,), ("logits",)),
            models=models,
            num_cores=2,
        )
        with store.writing(f"{number}-{name}") as partial:
            (partial / "outputs").mkdir(parents=True)
            (partial / "outputs" / "0.npy").write_bytes(f"outputs of {name} {salt}".encode())
            (partial / "model.keras").write_bytes(f"model of {name} {salt}".encode())
            record = dataclasses.replace(record, files=digests(partial))
            (partial / "stage.json").write_text(sealed(to_json(record)))
        return record

    def make(name="run", salt="", is_finished=True):
        store = Store(tmp_path / name)
        store.open()
        store.write_json("recipe.json", {"recipe": "mine", "settings": {"salt": salt}})
        first = write_stage(store, 1, "baseline", {}, salt)
        second = write_stage(store, 2, "pruned", {"baseline": first.model}, salt)
        store.write_text("tflite/mine-pruned-int8.tflite", f"file {salt}")
        store.write_text("checks/mine-pruned-int8/0.npy", f"outputs of the file {salt}")
        (sha,) = digests(store.root / "tflite").values()
        arrays = digests(store.root / "checks" / "mine-pruned-int8")
        finding = {"x": Finding("cpu", "pass", metrics={"accuracy": 0.9})}
        path = "tflite/mine-pruned-int8.tflite"
        file = FileRecord("pruned", "int8", path, f"key {salt}", sha, 100, 50, 0.5, (), finding, arrays=arrays)
        store.write_json("checks/mine-pruned-int8.json", to_json(file))
        if is_finished:
            machine = {"cpu": "x", "num_cores": 2}
            report = Report("mine", "", "data", {}, {}, machine, f"make {salt}", 1.0, (first, second), (file,))
            write(report, store)
        store.close(is_finished)
        return store.root

    return make
