"""What holds for all exporters."""

import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

import tfcompress as tfc
from tfcompress.backend.conversion import ConverterRefused, ConverterSettings
from tfcompress.backend.tensorflow import keras
from tfcompress.core.errors import InvalidValue
from tfcompress.core.identity import fingerprint
from tfcompress.export import converting
from tfcompress.export.calibration import chosen_examples

EXPORTERS = [
    tfc.Float32(),
    tfc.Float16(),
    tfc.DynamicRange(),
    tfc.Int8(num_representative=16),
    tfc.Int8(num_representative=16, float_inputs_and_outputs=True),
    tfc.Int8(num_representative=16, per_channel=False),
    tfc.Int8(num_representative=16, per_channel=False, float_inputs_and_outputs=True),
]
two = pytest.mark.parametrize("exporter", [EXPORTERS[0], EXPORTERS[3]], ids=lambda exporter: exporter.mode)
every = pytest.mark.parametrize("exporter", EXPORTERS, ids=lambda exporter: exporter.mode)


@every
def test_the_batch_is_one_and_the_signature_that_of_the_model(exporter, trained, export):
    _, file = export(trained, exporter)
    assert (file.input["shape"].tolist(), file.output["shape"].tolist()) == ([1, 8, 8, 1], [1, 10])
    assert file.signature == {"inputs": ["image"], "outputs": ["logits"]}


@two
def test_a_quantization_aware_model_keeps_the_signature_it_had_before(exporter, aware, export):
    _, file = export(aware, exporter)
    assert file.input["shape"].tolist() == [1, 8, 8, 1]
    assert file.signature == {"inputs": ["image"], "outputs": ["logits"]}


@every
def test_the_artifact_says_what_the_file_is(exporter, trained, export):
    artifact, _ = export(trained, exporter)
    content = artifact.path.read_bytes()
    assert artifact.mode == exporter.mode
    assert artifact.raw_bytes == len(content)
    assert artifact.sha256 == hashlib.sha256(content).hexdigest()
    assert 0.5 * len(content) < artifact.zipped_bytes < len(content)


@two
def test_the_same_model_gives_the_same_file(exporter, trained, export, digits, tmp_path):
    again = exporter.convert(trained, digits, tmp_path / "again.tflite")
    assert again.sha256 == export(trained, exporter)[0].sha256


@two
def test_the_model_stays_as_it_was(exporter, aware, digits, seen, tmp_path):
    before, outputs = aware.get_weights(), aware(seen[:20]).numpy()
    exporter.convert(aware, digits, tmp_path / "model.tflite")
    assert (aware.input_shape, aware.output_names) == ((None, 8, 8, 1), ["quant_logits"])
    for now, then in zip(aware.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)
    np.testing.assert_array_equal(aware(seen[:20]).numpy(), outputs)


@every
def test_a_model_that_cannot_be_converted_leaves_no_file(exporter, inconvertible, digits, tmp_path):
    with pytest.raises(tfc.ConversionFailed) as caught:
        exporter.convert(inconvertible, digits, tmp_path / "model.tflite")
    assert str(caught.value) == (
        f"The TFLite converter could not write {exporter.mode}. Its reason: no operation for Erfinv. Look for a layer "
        "that TFLite has no operation for."
    )
    assert list(tmp_path.iterdir()) == []


def test_advice_comes_with_its_cause_only(trained, digits, tmp_path, monkeypatch):
    def refuse(*_):
        raise ConverterRefused("Input tensors have type float64.")

    monkeypatch.setattr(converting, "converted", refuse)
    with pytest.raises(tfc.ConversionFailed) as caught:
        tfc.Float32().convert(trained, digits, tmp_path / "model.tflite")
    assert str(caught.value) == (
        "The TFLite converter could not write float32. Its reason: Input tensors have type float64. "
        + converting.NO_CAUSE
    )
    assert "__cause__" in converting.NO_CAUSE and isinstance(caught.value.__cause__, ConverterRefused)


def test_a_failed_conversion_leaves_the_file_that_was_there(inconvertible, digits, tmp_path):
    (tmp_path / "model.tflite").write_bytes(b"old")
    with pytest.raises(tfc.ConversionFailed):
        tfc.Float32().convert(inconvertible, digits, tmp_path / "model.tflite")
    assert (tmp_path / "model.tflite").read_bytes() == b"old"


def test_a_write_that_fails_half_way_leaves_no_file(trained, digits, tmp_path, monkeypatch):
    def write_half(path, data):
        with open(path, "wb") as stream:
            stream.write(data[:100])
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(Path, "write_bytes", write_half)
    with pytest.raises(OSError, match="No space left"):
        tfc.Float32().convert(trained, digits, tmp_path / "model.tflite")
    assert list(tmp_path.iterdir()) == []


def test_what_the_converter_prints_stays_off_stderr(trained, digits, tmp_path, capfd):
    tfc.Int8(num_representative=4).convert(trained, digits, tmp_path / "model.tflite")
    assert capfd.readouterr().err == ""


def test_examples_are_drawn_at_random_each_once():
    drawn = chosen_examples(100, 40, seed=0)
    assert len(set(drawn.tolist())) == 40
    assert drawn.tolist() != sorted(drawn.tolist())
    assert drawn.tolist() != chosen_examples(100, 40, seed=1).tolist()


def test_stratified_examples_are_as_many_of_each_class_as_there_are():
    labels = np.random.default_rng(0).permutation([7] * 900 + [2] * 95 + [5] * 5)
    drawn = chosen_examples(1000, 60, seed=0, labels=labels)
    assert len(set(drawn.tolist())) == 60
    counts = {label: int((labels[drawn] == label).sum()) for label in (7, 2, 5)}
    assert counts[5] == 5 and abs(counts[7] - counts[2]) <= 1 and sum(counts.values()) == 60
    assert drawn.tolist() != chosen_examples(1000, 60, seed=1, labels=labels).tolist()


@pytest.mark.parametrize(
    ("which", "exporter"), [("trained", tfc.Float32()), ("aware", tfc.Int8(num_representative=16))]
)
def test_the_one_function_gives_the_bytes_that_the_whole_model_gives(which, exporter, request, digits, export, tmp_path,
                                                                     monkeypatch):  # fmt: skip
    model = request.getfixturevalue(which)
    monkeypatch.setattr(converting, "served_by", lambda model, *others: model)
    whole = exporter.convert(model, digits, tmp_path / "whole.tflite")
    assert whole.sha256 == export(model, exporter)[0].sha256


def test_a_model_that_holds_more_than_variables_is_converted_whole():
    inputs = keras.Input((3,), dtype="int64")
    found = keras.layers.IntegerLookup(vocabulary=[3, 5])(inputs)
    assert type(converting.served_by(keras.Model(inputs, found * 2))).__name__ == "Functional"
    assert type(converting.served_by(keras.Model(inputs, inputs * 2))).__name__ == "Module"


def test_several_inputs_keep_their_names(digits, tmp_path):
    first, second = keras.Input((2,), name="first"), keras.Input((3,), name="second")
    joined = keras.layers.Concatenate()([first, second])
    outputs = [keras.layers.Dense(2, name="a")(joined), keras.layers.Dense(3, name="b")(joined)]
    model = keras.Model([first, second], outputs)
    converting.convert(model, None, tmp_path / "model.tflite", "float32", ConverterSettings())
    signatures = Interpreter(str(tmp_path / "model.tflite")).get_signature_list()
    assert signatures == {"serving_default": {"inputs": ["first", "second"], "outputs": ["a", "b"]}}


@every
def test_settings_are_json(exporter):
    assert json.loads(json.dumps(asdict(exporter))) == asdict(exporter)


def test_no_two_exporters_have_one_mode_or_fingerprint():
    assert len({exporter.mode for exporter in EXPORTERS}) == len(EXPORTERS)
    assert len({fingerprint(exporter) for exporter in EXPORTERS}) == len(EXPORTERS)


@pytest.mark.parametrize("exporter", [tfc.Int8(), tfc.Int16x8(), tfc.MixedPrecision()], ids=lambda value: value.mode)
def test_what_calibrates_refuses_to_go_without_data(exporter, trained, tmp_path):
    with pytest.raises(
        InvalidValue, match=rf"{type(exporter).__name__}.convert needs data to calibrate with. Received"
    ):
        exporter.convert(trained, None, tmp_path / "file.tflite")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "exporter",
    [
        tfc.Int8(),
        *(pytest.param(each, marks=pytest.mark.slow) for each in (tfc.Float32(), tfc.Float16(), tfc.DynamicRange())),
    ],
    ids=lambda v: v.mode,
)
def test_what_calibrates_nothing_needs_no_data(exporter, aware, digits, tmp_path):
    without, with_data = (
        exporter.convert(aware, data, tmp_path / f"{number}.tflite") for number, data in enumerate((None, digits))
    )
    assert without.sha256 == with_data.sha256
