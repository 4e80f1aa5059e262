import random

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.measuring import tflite
from tfcompress.measuring.measure import kernels, overall_sparsity

FLOAT_IO = tfc.Int8(float_inputs_and_outputs=True)


def agreement(answers, expected):
    return (answers.argmax(-1) == expected.argmax(-1)).mean()


@pytest.mark.parametrize(("exporter", "dtype"), [(tfc.Int8(), np.int8), (FLOAT_IO, np.float32)])
@pytest.mark.parametrize("model", ["trained", "aware"])
def test_inputs_and_outputs(model, exporter, dtype, export, request):
    _, file = export(request.getfixturevalue(model), exporter)
    assert (file.input["dtype"], file.output["dtype"]) == (dtype, dtype)


@pytest.mark.parametrize("exporter", [tfc.Int8(), FLOAT_IO], ids=lambda exporter: exporter.mode)
def test_its_answers_agree_with_keras(exporter, trained, export, seen, keras_answers):
    _, file = export(trained, exporter)
    assert agreement(file.answers(seen), keras_answers) >= 0.98


def test_the_answers_of_a_quantization_aware_model_agree_with_keras(aware, export, seen):
    _, file = export(aware, tfc.Int8())
    expected = aware(seen).numpy()
    answers = file.answers(seen)
    assert agreement(answers, expected) >= 0.98
    assert np.abs(answers - expected).max() < 0.1 * np.abs(expected).max()


def test_a_quantization_aware_model_needs_no_calibration(aware, tmp_path):
    tfc.Int8().convert(aware, None, tmp_path / "model.tflite")
    assert (tmp_path / "model.tflite").exists()


@pytest.mark.parametrize("model", ["trained", "aware"])
def test_no_operation_is_left_in_float(model, export, request):
    _, file = export(request.getfixturevalue(model), tfc.Int8())
    assert {tensor["dtype"] for tensor in file.interpreter.get_tensor_details()} <= {np.int8, np.int32}
    assert not {"QUANTIZE", "DEQUANTIZE"} & set(tflite.read(file.path).ops)


def test_float_inputs_and_outputs_are_converted_inside_the_file(trained, export, seen):
    inside, plain = export(trained, FLOAT_IO)[1], export(trained, tfc.Int8())[1]
    ops = tflite.read(inside.path).ops
    assert (ops[0], ops[-1], ops[1:-1]) == ("QUANTIZE", "DEQUANTIZE", tflite.read(plain.path).ops)
    np.testing.assert_allclose(inside.answers(seen), plain.answers(seen), atol=plain.output["quantization"][0])


def test_it_is_a_byte_a_weight_and_four_a_bias(trained, export):
    small, whole = export(trained, tfc.Int8())[0], export(trained, tfc.Float32())[0]
    saved = 3 * (144 + 4_608 + 8_192 + 640)  # the kernels; a scale and a zero point for each channel come on top
    assert saved - 5_000 < whole.raw_bytes - small.raw_bytes <= saved


@pytest.mark.parametrize("model", ["sparse", "aware"])
def test_zeros_stay_zeros(model, export, request):
    model = request.getfixturevalue(model)
    artifact, _ = export(model, tfc.Int8())
    stored = tflite.read(artifact.path)
    for plain, kernel in zip(kernels(model).values(), stored.kernels, strict=True):
        values = kernel.values.transpose(1, 2, 3, 0) if plain.ndim == 4 else kernel.values.T
        assert not values[plain == 0].any()
    assert stored.sparsity >= overall_sparsity(kernels(model)) >= 0.5


def test_the_choice_of_examples_is_a_function_of_the_seed_alone(trained, export, digits, tmp_path):
    few = tfc.Int8(num_representative=4)
    first = export(trained, few)[0].sha256
    np.random.seed(1)  # what it must not depend on
    random.seed(1)
    assert few.convert(trained, digits, tmp_path / "again.tflite").sha256 == first
    assert export(trained, tfc.Int8(num_representative=4, seed=1))[0].sha256 != first


def test_more_examples_than_there_are_means_all_of_them(trained, export):
    exactly, beyond = tfc.Int8(num_representative=1437, seed=3), tfc.Int8(num_representative=10**6, seed=3)
    assert export(trained, exactly)[0].sha256 == export(trained, beyond)[0].sha256


def test_the_range_of_the_input_is_that_of_the_examples(trained, export):
    _, file = export(trained, tfc.Int8())
    # pixels from 0 to 1: scale 1/255, and 0 is the least of int8
    scale, zero_point = file.input["quantization"]
    assert (scale, zero_point) == (pytest.approx(1 / 255), -128)


def test_only_the_training_split_is_seen(trained, tmp_path):
    class TestSplitRaises(tfc.Digits):
        test = property(lambda self: pytest.fail("calibrated on the test split"))

    tfc.Int8(num_representative=4).convert(trained, TestSplitRaises(), tmp_path / "model.tflite")


def test_fewer_than_one_example_is_refused():
    with pytest.raises(tfc.InvalidValue, match="^Int8.num_representative must be at least 1. Received: 0. Use 256.$"):
        tfc.Int8(num_representative=0)


def test_per_tensor_gives_each_kernel_one_scale(trained, export):
    artifact, file = export(trained, tfc.Int8(per_channel=False))
    assert artifact.mode == "int8_per_tensor"
    assert {kernel.channel_axis for kernel in tflite.read(artifact.path).kernels} == {None}
    wanted = [np.rint(kernel / (np.abs(kernel).max() / 127)) for kernel in kernels(trained).values()]
    for kernel, levels in zip(tflite.read(artifact.path).kernels, wanted, strict=True):
        stored = kernel.values.transpose(1, 2, 3, 0) if levels.ndim == 4 else kernel.values.T
        assert np.abs(stored - levels).max() <= 1  # ties apart
        assert (stored == levels).mean() > 0.999
    assert {kernel.channel_axis for kernel in tflite.read(export(trained, tfc.Int8())[0].path).kernels} != {None}


def test_per_tensor_answers_agree_with_keras(trained, export, seen, keras_answers):
    _, file = export(trained, tfc.Int8(per_channel=False))
    assert agreement(file.answers(seen), keras_answers) >= 0.97


def test_stratified_examples_calibrate_otherwise(trained, export, seen, keras_answers):
    artifact, file = export(trained, tfc.Int8(num_representative=50, stratified=True))
    assert artifact.sha256 != export(trained, tfc.Int8(num_representative=50))[0].sha256
    assert agreement(file.answers(seen), keras_answers) >= 0.97


def test_stratified_with_less_than_a_handful_of_a_class_is_refused(trained, digits, tmp_path):
    with pytest.raises(tfc.InvalidValue, match="Received: 49, which gives 4 of .* Use 50 or more"):
        tfc.Int8(num_representative=49, stratified=True).convert(trained, digits, tmp_path / "model.tflite")
    assert not list(tmp_path.iterdir())


def test_a_quantization_aware_model_is_not_stratified(aware, tmp_path):
    tfc.Int8(stratified=True).convert(aware, None, tmp_path / "model.tflite")


def test_less_than_a_handful_of_a_class_is_remarked(digits, tmp_path, remarks):
    tiny = tfc.simple_cnn(digits.input_shape, width=1)
    tfc.Int8().convert(tiny, digits, tmp_path / "enough.tflite")
    assert remarks == []
    tfc.Int8(num_representative=30).convert(tiny, digits, tmp_path / "few.tflite")
    said = remarks[0]  # what may follow is that examples beyond these thirty are rough
    assert said.startswith("calibrated with fewer than 5 examples of some classes (class ")


@pytest.mark.parametrize("bad", [{"per_channel": None}, {"stratified": 1}])
def test_a_bad_choice_names_its_field(bad):
    with pytest.raises(tfc.InvalidValue, match=f"^Int8.{next(iter(bad))} must be True or False"):
        tfc.Int8(**bad)
