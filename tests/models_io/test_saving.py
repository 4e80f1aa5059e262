"""What we save, we load: every stage's model, with equal outputs."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.layers.int8.preserving import preserving
from tfcompress.models_io.copying import copy_model


def outputs(model, digits):
    return model(digits.model_inputs(digits.test.inputs[:32]), training=False).numpy()


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("stage", ["trained", "sparse", "aware"])
def test_a_stage_comes_back_equal(stage, suffix, request, digits, tmp_path):
    model = request.getfixturevalue(stage)
    tfc.save_model(model, tmp_path / f"model{suffix}")
    again = tfc.load_model(tmp_path / f"model{suffix}")
    np.testing.assert_array_equal(outputs(again, digits), outputs(model, digits))
    assert tfc.measure(again).sparsity == tfc.measure(model).sparsity


@pytest.mark.parametrize("suffix", [".keras", pytest.param(".h5", marks=pytest.mark.slow)])
def test_zeros_survive_training_after_a_round_trip(suffix, aware, digits, tmp_path):
    """tfmot's configuration forgets which quantizer keeps zeros: without care they fill at the first step."""
    tfc.save_model(aware, tmp_path / f"model{suffix}")
    for model in (tfc.load_model(tmp_path / f"model{suffix}"), copy_model(aware)):
        assert preserving(model) == preserving(aware) != {}
        tfc.KerasFit(digits, epochs=1, learning_rate=0.01)(model)
        assert tfc.measure(model).sparsity >= tfc.measure(aware).sparsity


def test_a_file_is_replaced_whole_or_not_at_all(trained, tmp_path, monkeypatch, message):
    path = tmp_path / "model.keras"
    tfc.save_model(trained, path)
    before = path.read_bytes()
    monkeypatch.setattr("tfcompress.models_io.saving.write", lambda model, path: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        tfc.save_model(trained, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_other_endings_and_other_models_are_refused(trained, small, tmp_path, message):
    assert "must end in .keras or .h5" in message(tfc.InvalidValue, lambda: tfc.save_model(trained, tmp_path / "x.pb"))
    assert "load_model first" in message(tfc.InvalidValue, lambda: tfc.save_model(small, tmp_path / "x.keras"))
