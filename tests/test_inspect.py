"""The command line as a user meets it, for Keras files and .tflite files alike."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, tf
from tfcompress.cli.inspect import main

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared" / "models" / "mlperf_tiny"


@pytest.fixture
def run(tmp_path):
    """Runs the command in a process of its own, with a TensorFlow that cannot be imported."""
    for package in ("tensorflow", "tf_keras"):
        poison = tmp_path / "poison" / package
        poison.mkdir(parents=True)
        (poison / "__init__.py").write_text("raise SystemExit(f'{__name__} was imported')")

    def command(*arguments, **options):
        path = f"{tmp_path / 'poison'}{os.pathsep}{ROOT}"
        environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
        return subprocess.run(
            [sys.executable, "-m", "tfcompress.inspect", *map(str, arguments)],
            capture_output=True,
            text=True,
            env={**environment, "PYTHONPATH": path},
            timeout=60,
            **options,
        )

    return command


@pytest.fixture
def shown(capfd):
    """What `main` prints, and its exit code: (code, stdout, stderr)."""

    def show(*arguments):
        capfd.readouterr()
        code = main(list(map(str, arguments)))
        return code, *capfd.readouterr()

    return show


@pytest.fixture(scope="session")
def int8(sparse, digits, tmp_path_factory):
    path = tmp_path_factory.mktemp("int8") / "small.tflite"
    return tfc.Int8(num_representative=32).convert(sparse, digits, path).path


@pytest.fixture(scope="session")
def saved(sparse, aware, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    tfc.save_model(sparse, folder / "sparse.keras")
    tfc.save_model(aware, folder / "aware.keras")
    sparse.save(folder / "saved_model", save_format="tf")
    return folder


def test_help_tells_usage_examples_and_exit_codes(run):
    done = run("--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: python -m tfcompress.inspect")
    assert "examples:" in done.stdout
    assert "exit codes: 0 all is well;" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 120


def test_without_a_file_the_help_goes_to_stderr_and_is_an_error(run):
    done = run()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage:")


def test_a_tflite_is_shown_without_tensorflow_at_100_columns_and_without_escape_codes(run, int8):
    done = run(int8)
    assert (done.returncode, done.stderr) == (0, "")
    assert "CONV_2D" in done.stdout
    assert "GPU not asked (--gpu)" in done.stdout
    assert "\x1b" not in done.stdout
    body = done.stdout.splitlines()[2:]  # the heading holds the path
    assert max(map(len, body)) <= 100


def test_a_wider_page_shows_more(run, int8, monkeypatch):
    narrow = run(int8).stdout
    done = subprocess.run(
        [sys.executable, "-m", "tfcompress.inspect", str(int8)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "240"},
        timeout=60,
    )
    assert "weights' scales" in done.stdout
    assert "weights' scales" not in narrow
    assert "not asked" in done.stdout


def write(content):
    return lambda path: path.write_bytes(content)


BAD = {
    "missing.tflite": (lambda path: None, "There is none of this name"),
    "empty.tflite": (write(b""), "which is empty"),
    "empty.keras": (write(b""), "which is empty"),
    "random.tflite": (write(np.random.default_rng(0).bytes(2000)), "is not a .tflite file"),
    "random.bin": (write(np.random.default_rng(0).bytes(2000)), "must be a .keras, .h5 or .tflite file"),
    "head.tflite": (write(b"\x1c\0\0\0TFL3"), "is not a whole .tflite file|is cut off"),
    "closed.tflite": (lambda path: (path.write_bytes(b"x"), path.chmod(0)), "Permission denied"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_one_line_and_43(run, name, tmp_path):
    make, words = BAD[name]
    make(tmp_path / name)
    if name.startswith("closed") and os.access(tmp_path / name, os.R_OK):
        pytest.skip("root reads everything")
    done = run(tmp_path / name)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (43, "", 1), done.stderr
    assert done.stderr.startswith("tfcompress: ")
    assert any(word in done.stderr for word in words.split("|")), done.stderr


@pytest.mark.parametrize("name", ["random.keras", "random.h5", "empty_folder"])
def test_a_bad_keras_file_is_one_line_and_43(shown, name, tmp_path):
    path = tmp_path / name
    path.write_bytes(np.random.default_rng(0).bytes(2000)) if "." in name else path.mkdir()
    code, out, err = shown(path)
    assert (code, out, err.count("\n")) == (43, "", 1), err
    assert "Traceback" not in err


def test_debug_shows_the_traceback(run, tmp_path):
    assert "Traceback (most recent call last)" in run(tmp_path / "none.tflite", "--debug").stderr


def test_a_suffix_is_not_believed(run, int8, saved, shown, tmp_path):
    (tmp_path / "really.keras").write_bytes(int8.read_bytes())
    assert "CONV_2D" in run(tmp_path / "really.keras").stdout
    (tmp_path / "really.tflite").write_bytes((saved / "sparse.keras").read_bytes())
    code, out, _ = shown(tmp_path / "really.tflite")
    assert (code, "Conv2D" in out) == (0, True)


@pytest.mark.parametrize(("options", "word"), [(["--trust"], "--trust"), (["--custom", "x.py"], "--custom")])
def test_an_option_without_effect_is_an_error(run, int8, options, word):
    done = run(int8, *options)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"Received: {word} with" in done.stderr


def test_tensors_are_listed_when_wanted(run, int8, shown, saved):
    assert "zero point" in run(int8, "--tensors").stdout.splitlines()[-5]
    assert shown(saved / "sparse.keras", "--tensors")[0] == 2


def test_json_is_one_object_with_everything(run, int8):
    told = json.loads(run(int8, "--json").stdout)
    assert {"kind", "format", "file", "raw_bytes", "zipped_bytes", "totals", "operators", "tensors", "gpu"} <= set(told)
    assert (told["kind"], told["format"], told["raw_bytes"]) == ("tflite", 1, int8.stat().st_size)
    assert told["gpu"]["status"] == told["operators"][0]["gpu"]["status"] == "not asked"


def test_a_reader_that_goes_away_is_no_bug(int8):
    command = f"{sys.executable} -m tfcompress.inspect {int8} --json | head -c 10; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert (done.returncode in (0, 141), done.stderr) == (True, "")


def test_a_keras_file_is_shown(saved, shown):
    code, out, err = shown(saved / "sparse.keras")
    assert (code, err) == (0, "")
    row = next(line.split() for line in out.splitlines() if line.startswith("conv2"))
    # 3*3*16*32 + 32 parameters at 4 by 4 positions; half of the kernel is zeros
    assert row[:6] == ["conv2", "Conv2D", "4x4x32", "4,640", "73,728", "18,560"]
    assert row[6:9] == ["50.0%", "yes", "yes"]
    assert "QAT takes the model" in out
    assert "\x1b" not in out


@pytest.mark.parametrize("name", ["sparse.keras", "saved_model"])
def test_json_of_a_keras_model(saved, shown, name):
    code, out, err = shown(saved / name, "--json")
    told = json.loads(out)
    assert (code, err, told["kind"], told["qat"]["status"]) == (0, "", "keras", "yes")
    assert told["totals"]["num_parameters"] == sum(row["num_parameters"] for row in told["layers"])
    assert told["totals"]["num_prunable_layers"] == 4


def test_a_quantization_aware_model_shows_its_ranges(saved, shown):
    code, out, _ = shown(saved / "aware.keras")
    assert (code, "fake-quantized" in out, "per-channel" in out) == (0, True, True)
    assert "QAT has nothing to do: it is quantization-aware already" in out


def test_the_gpu_is_asked_or_not_run_and_never_guessed(saved, shown):
    code, out, _ = shown(saved / "sparse.keras", "--gpu", "--json")
    gpu = json.loads(out)["gpu"]
    assert code == 0
    assert (gpu["status"] == "yes" and gpu["device"] and gpu["asked_of"] == "its float32 export") or (
        gpu["status"] == "not run" and gpu["reason"]
    )


def test_what_cannot_be_exported_is_not_run(shown, tmp_path):
    inputs = keras.Input((4,))
    # TFLite has no such operation
    model = keras.Model(inputs, tf.math.bessel_i0(keras.layers.Dense(3, name="d")(inputs)))
    model.save(tmp_path / "odd.keras")
    code, out, _ = shown(tmp_path / "odd.keras", "--gpu")
    assert code == 0
    assert re.search(r"^d .* not run$", out, re.MULTILINE)
    assert "no operation for BesselI0" in " ".join(out.split())


def test_code_is_refused_unless_trusted(shown, tmp_path):
    inputs = keras.Input((4,))
    keras.Model(inputs, keras.layers.Lambda(lambda x: x + 1.0, name="code")(inputs)).save(tmp_path / "code.keras")
    code, out, err = shown(tmp_path / "code.keras")
    assert (code, out, err.count("\n")) == (40, "", 1)
    assert "--trust" in err
    assert shown(tmp_path / "code.keras", "--trust")[0] == 0


def test_custom_brings_a_users_own_layers(shown, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import keras\n\n\nclass Twice(keras.layers.Layer):\n    def call(self, x):\n        return 2 * x\n"
    )
    objects = tfc.custom_objects_from(tmp_path / "mine.py")
    import keras as keras3

    inputs = keras3.Input((4,))
    keras3.Model(inputs, objects["Twice"](name="own")(inputs)).save(tmp_path / "own.keras")
    code, _, err = shown(tmp_path / "own.keras")
    assert (code, "--custom" in err) == (40, True)
    code, out, _ = shown(tmp_path / "own.keras", "--custom", tmp_path / "mine.py")
    assert (code, "Twice (Keras 3)" in out) == (0, True)


def test_against_a_file_tells_where_it_loses(saved, int8, shown):
    code, out, err = shown(saved / "sparse.keras", "--against", int8, "--data", "digits", "--num-examples", "40")
    assert (code, err) == (0, "")
    assert "40 examples (scikit-learn digits), accuracy" in " ".join(out.split())
    row = next(line.split() for line in out.splitlines() if line.startswith("conv2"))
    assert 35 < float(row[row.index("int8") + 1]) < 60  # dB of the kernel; columns before it go where room is scarce
    assert "It hurts most in" in out
    assert max(map(len, out.splitlines()[1:])) <= 100


def test_against_data_in_json(saved, shown, tmp_path):
    np.savez(tmp_path / "few.npz", inputs=np.random.default_rng(0).random((4, 8, 8, 1), "float32"))
    code, out, err = shown(saved / "sparse.keras", "--against", tmp_path / "few.npz", "--bits", "3", "--json")
    told = json.loads(out)
    assert (code, err, told["kind"], told["format"], told["predictions"]) == (0, "", "errors", 1, None)
    assert (told["num_examples"], told["accuracy"], told["measured_on"]) == (4, None, "few.npz")
    assert [layer["name"] for layer in told["layers"]] == ["conv1", "conv2", "dense1", "logits"]
    assert all(layer["alone"]["bits"] == 3 and layer["alone"]["kernel_sqnr_db"] < 25 for layer in told["layers"])


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--bits", "4"], 2, "--bits with"),
        (["--data", "digits"], 2, "go with --against. Received: --data with"),
        (["--against", "digits", "--data", "digits"], 2, "--data goes with --against FILE.tflite"),
        (["--against", "digits", "--gpu"], 2, "do not go with --against. Received: --gpu"),
        (["--against-cpu"], 2, "--against-cpu goes with --gpu. Received: --against-cpu"),
        (["--against", "digits", "--bits", "1"], 12, "bits must be from 2 to 16"),
        (["--against", "none.tflite"], 43, "There is none of this name"),
    ],
)
def test_comparisons_that_make_no_sense_are_told_without_tensorflow(run, saved, options, code, words):
    done = run(saved / "sparse.keras", *options)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1), done.stderr
    assert words in done.stderr


def test_against_is_for_keras_files(run, int8):
    done = run(int8, "--against", "digits")
    assert (done.returncode, "--against is for a Keras FILE" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("resnet8_cifar10.h5", "78,666 parameters"),
        ("resnet8_cifar10_int8.tflite", "int8 100.0% of operations"),
        ("mobilenet_vww_int8.tflite", "7,489,664 MACs"),  # MLPerf Tiny's own figure is 7.49 million
    ],
)
def test_models_that_others_made(shown, name, words):
    if not (SHARED / name).exists():
        pytest.skip(f"{SHARED / name} is not there")
    code, out, err = shown(SHARED / name)
    assert (code, err) == (0, "")
    assert words in out
