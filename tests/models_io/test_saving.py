"""What we save, we load: every stage's model, with equal outputs."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
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


class Nameless(keras.layers.Layer):
    """Its constructor takes no name: what is made of its configuration has another one."""

    def __init__(self, units):
        super().__init__()
        self.dense = keras.layers.Dense(units)

    def call(self, inputs):
        return self.dense(inputs)


class Forgetful(keras.layers.Layer):
    """Its configuration lacks what its constructor needs."""

    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return self.factor * inputs

    def get_config(self):
        return keras.layers.Layer.get_config(self)


@pytest.mark.parametrize(
    ("layer", "found"),
    [
        (lambda: Nameless(4), r"'nameless\w*' \(Nameless\), of which it gives one of another name, 'nameless_\d+'"),
        (lambda: Forgetful(2.0), r"'forgetful\w*' \(Forgetful\), of which it gives none: .*'factor'"),
    ],
    ids=["another name", "no configuration"],
)
@pytest.mark.parametrize(
    "technique", [tfc.QuantizeAware(), tfc.PruneLowMagnitude(0.5), tfc.PruneWeights(0.5), tfc.Cluster(8), tfc.Train()]
)
def test_what_cannot_be_made_anew_is_refused_before_it_trains(technique, layer, found):
    inputs = keras.Input((6,))
    model = keras.Model(inputs, keras.layers.Dense(2)(layer()(keras.layers.Dense(8)(inputs))))

    def train(model, callbacks):
        raise AssertionError("training began")

    with pytest.raises(tfc.UnsupportedModel, match=found):
        technique.apply(model, tfc.fit(train, steps=2))
