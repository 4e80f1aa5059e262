"""What a target makes of exporters, recipes and the command line."""

import dataclasses

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.cli.main import main
from tfcompress.core.errors import InvalidValue
from tfcompress.export.apps.in_form import InForm
from tfcompress.measuring.targets.file_operations import operations_of
from tfcompress.targeting import checks_for, for_target, recipe_for

RNG = np.random.default_rng(2)
X, Y = RNG.normal(size=(64, 6, 3)).astype("float32"), RNG.integers(0, 3, 64)


@pytest.fixture(scope="module")
def lstm():
    """A Keras 3 model with an LSTM, which other converters make a loop of."""
    import keras as keras3

    keras3.utils.set_random_seed(0)
    x = keras3.Input((6, 3))
    return keras3.Model(x, keras3.layers.Dense(3, name="out")(keras3.layers.LSTM(4, name="memory")(x)))


def test_a_keras_3_lstm_is_fused_for_a_microcontroller_and_runs_there(lstm):
    pytest.importorskip("tflite_micro", reason="tflite-micro is not installed")
    data = tfc.dataset((X, Y), (X, Y))
    small = tfc.compress(lstm, data, [], task=tfc.Classification(), target="mcu", verbose=0)
    (file,) = small.report.files
    ops = {each.op for each in operations_of(small.folder / file.path)}
    assert "UNIDIRECTIONAL_SEQUENCE_LSTM" in ops and "WHILE" not in ops
    found = {finding.check: finding for finding in file.findings.values()}
    assert found["microcontroller"].status == found["target-mcu"].status == found["cpu-reference"].status == "pass"
    assert found["microcontroller"].agreement["cpu"]["out"].largest_difference <= 0.02
    assert found["microcontroller"].arena_bytes > 0
    assert small.report.verdict == "pass"


def test_the_usual_file_would_be_refused_by_name(lstm, tmp_path):
    model, data = tfc.load_model(lstm), tfc.dataset((X, Y), (X, Y))
    made = tfc.Int8().convert(model, data, tmp_path / "loop.tflite")
    found = tfc.ForTarget("mcu").run(made)
    assert (found.check, found.status) == ("target-mcu", "fail")
    assert "WHILE (memory): loops were seen not to end on boards (tflite-micro #3674)" in found.reason


def test_a_target_changes_modes_forms_and_checks_and_keeps_what_wraps_them():
    exporter = for_target(tfc.WithMetadata(tfc.Float32(), "mine"), tfc.Target("mcu"))
    assert exporter == tfc.WithMetadata(InForm(tfc.Int8(), ("fused", "unrolled")), "mine")
    assert for_target(exporter, tfc.Target("mcu")) == exporter
    assert for_target(tfc.Int16x8(), tfc.Target("npu")) == tfc.Int16x8()
    assert for_target(tfc.DynamicRange(), tfc.Target("cpu")) == tfc.DynamicRange()
    assert [check.name for check in checks_for("npu")] == [
        "cpu-builtin",
        "cpu-reference",
        "vela-ethos-u55-128",
        "target-npu",
    ]


def test_a_recipes_files_of_one_mode_are_made_once():
    data = tfc.Digits(num_examples=64)
    stage = tfc.Stage("as_it_is", tfc.EvaluateOnly(), start=tfc.simple_cnn)
    recipe = tfc.Recipe(data, (stage,), {"as_it_is": (tfc.Float32(), tfc.Int8())}, (tfc.CpuXnnpack(),))
    changed = recipe_for(recipe, "mcu")
    assert [each.mode for each in changed.exports["as_it_is"]] == ["int8"]
    assert recipe_for(recipe, "cpu").exports == recipe.exports
    assert dataclasses.replace(changed, exports=recipe.exports, checks=recipe.checks) == recipe


def test_a_model_without_recurrent_layers_is_written_as_it_is(trained, digits, tmp_path):
    made = InForm(tfc.Int8(), ("fused", "unrolled")).convert(trained, digits, tmp_path / "in_form.tflite")
    plain = tfc.Int8().convert(trained, digits, tmp_path / "plain.tflite")
    assert made.sha256 == plain.sha256


def test_a_gru_is_laid_out_where_there_is_no_loop(tmp_path):
    x = keras.Input((4, 3))
    model = keras.Model(x, keras.layers.Dense(3)(keras.layers.GRU(2)(x)))
    made = InForm(tfc.Float32(), ("fused", "unrolled")).convert(model, None, tmp_path / "gru.tflite")
    assert "WHILE" not in {each.op for each in operations_of(made.path)}


def test_exports_that_the_target_does_not_take_are_refused_before_anything_runs():
    data = tfc.dataset((X, Y), (X, Y))
    with pytest.raises(InvalidValue, match="must be what the target mcu takes: int8. Received: dynamic_range"):
        tfc.compress(object(), data, [], exports=[tfc.DynamicRange()], target="mcu")
    with pytest.raises(InvalidValue, match="Target.name must be one of"):
        tfc.compress(object(), data, [], target="tpu")


def test_the_plan_of_a_recipe_shows_the_targets_files_and_checks(capsys):
    assert main(["recipe", "digits", "--plan", "--target", "mcu"]) == 0
    said = capsys.readouterr().out
    assert "float32" not in "".join(line for line in said.splitlines() if "files" in line)
    assert "Each file is checked on cpu-reference, microcontroller, target-mcu." in said
