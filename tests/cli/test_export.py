"""The command that writes C source, as a user types it."""

import importlib.util
import shutil

import pytest

from tfcompress.cli.main import main
from tfcompress.core.errors import UnreadableModel, UnsupportedModel, Usage
from tfcompress.delegates.boards import microcontroller

installed = pytest.mark.skipif(importlib.util.find_spec("tflite_micro") is None, reason="tflite-micro is not installed")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Files of a convolution, and of an operation that no microcontroller has."""
    import tfcompress as tfc
    from tfcompress.backend.tensorflow import keras, tf

    folder = tmp_path_factory.mktemp("small")
    x = keras.Input((4, 4, 1))
    y = keras.layers.Conv2D(2, 3, name="conv")(x)
    z = keras.layers.Lambda(lambda value: tf.pow(tf.abs(value), 1.5), name="power")(y)
    for name, output in (("plain", y), ("powered", z)):
        tfc.Float32().convert(keras.Model(x, output), None, folder / f"{name}.tflite")
    return folder


@installed
def test_it_writes_a_pair_with_the_arena_and_says_so(small, tmp_path, capsys):
    assert main(["export", str(small / "plain.tflite"), "--c", "--out", str(tmp_path), "--name", "g_model"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == [str(tmp_path / "g_model.h"), str(tmp_path / "g_model.cc")]
    assert "bytes of flash, arena " in said[2] and said[2].endswith("1 operations")
    assert "#define G_MODEL_ARENA_BYTES " in (tmp_path / "g_model.h").read_text()


@installed
def test_what_a_microcontroller_lacks_is_named_and_nothing_is_written(small, tmp_path, capsys):
    code = main(["export", str(small / "powered.tflite"), "--c", "--out", str(tmp_path)])
    assert code == UnsupportedModel.exit_code and not list(tmp_path.iterdir())
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "Received: POW (" in said


def test_without_the_interpreter_the_arena_is_not_measured(small, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(microcontroller.importlib.util, "find_spec", lambda name: None)
    shutil.copy(small / "plain.tflite", tmp_path / "3 d.tflite")
    assert main(["export", str(tmp_path / "3 d.tflite"), "--c"]) == 0
    assert "not measured, as tflite-micro is not installed" in (tmp_path / "_3_d.h").read_text()
    assert "the arena was not measured: tflite-micro is not installed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], Usage.exit_code, "usage:"),
        (["{}/plain.tflite"], Usage.exit_code, "export needs a form to write"),
        (["{}/gone.tflite", "--c"], UnreadableModel.exit_code, "There is none of this name"),
        ([__file__, "--c"], UnreadableModel.exit_code, "is not a .tflite file"),
    ],
)
def test_mistakes_are_one_clear_line(small, capsys, arguments, code, words):
    assert main(["export", *(text.format(small) for text in arguments)]) == code
    assert words in capsys.readouterr().err
