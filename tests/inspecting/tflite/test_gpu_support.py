"""The delegate's answers, and no more than they say."""

import dataclasses
from pathlib import Path

import pytest

from tfcompress.backend.tensorflow import keras, tf
from tfcompress.delegates import driver
from tfcompress.inspecting.text import gpu_line
from tfcompress.inspecting.tflite.gpu_support import RandomInputs, _doubted, ask_gpu, layer_support, operator_support
from tfcompress.inspecting.tflite.reading import read_tflite
from tfcompress.inspecting.values import Gpu, TensorRow

RESNET8 = Path(__file__).parents[4] / "shared/models/mlperf_tiny/resnet8_cifar10_int8.tflite"
NO_GATHER = ({"op": "GATHER", "reason": "1D only"},)


@pytest.fixture(scope="session")
def a_driver():
    obstacle = driver.obstacle()
    if obstacle or not driver.find_drivers():
        pytest.skip(f"GPU delegate not asked: {obstacle[0] if obstacle else 'there is no Vulkan driver'}")


def test_the_one_operation_of_a_refused_kind_is_refused():
    gpu = Gpu("no", num_ops=4, num_delegated_ops=1, refusals=NO_GATHER)  # those behind it stay with it
    answers = operator_support(gpu, ["CONV_2D", "GATHER", "RESHAPE", "ADD"])
    assert [answer.status for answer in answers] == ["yes", "no", "yes", "yes"]
    assert answers[1].reason == "GATHER: 1D only"


def test_of_several_of_a_kind_all_or_some_are_refused():
    ops = ["GATHER", "CONV_2D", "GATHER", "ADD"]
    both = Gpu("no", num_ops=4, num_delegated_ops=2, refusals=NO_GATHER)
    assert [answer.status for answer in operator_support(both, ops)] == ["no", "yes", "no", "yes"]
    some = Gpu("no", num_ops=4, num_delegated_ops=1, refusals=NO_GATHER)
    assert [answer.status for answer in operator_support(some, ops)] == ["partly", "yes", "partly", "yes"]


def test_a_failure_without_refusals_says_nothing_of_an_operation():
    answers = operator_support(Gpu("no", "it crashed"), ["ADD"])
    assert (answers[0].status, "it crashed" in answers[0].reason) == ("unknown", True)


def test_answers_that_are_not_the_cpus_are_wrong():
    gpu = Gpu("yes", largest_difference=0.9, device="a GPU", asked_of="the file")
    assert _doubted(gpu, largest_output=1.0).status == "wrong"
    assert _doubted(gpu, largest_output=10.0) == gpu  # within a tenth
    told = _doubted(gpu, largest_output=1.0)
    assert operator_support(told, ["ADD"])[0].status == "unknown"
    assert layer_support(told, None, ["a"], "a")["a"].status == "unknown"
    assert gpu_line(told).startswith("GPU wrong: it takes the file, on a GPU, and its outputs differ")


def test_a_file_that_the_delegate_computes_wrongly_is_told_so(a_driver):
    """MLPerf Tiny's ResNet-8 in int8 has strided 1x1 convolutions; LiteRT 2.3.0 takes their stride as 1."""
    if not RESNET8.exists():
        pytest.skip(f"{RESNET8} is not there")
    gpu = ask_gpu(RESNET8, read_tflite(RESNET8), "the file")
    assert (gpu.status, "strided 1x1" in gpu.fix) == ("wrong", True)


@pytest.mark.slow
def test_the_first_operation_that_it_computes_wrongly_is_named(a_driver):
    if not RESNET8.exists():
        pytest.skip(f"{RESNET8} is not there")
    file = read_tflite(RESNET8)
    gpu = ask_gpu(RESNET8, file, "the file", against_cpu=True)
    assert (gpu.status, gpu.first_wrong["op"], gpu.first_wrong["number"]) == ("wrong", "CONV_2D", 6)
    assert "model/conv2d_5/Conv2D" in gpu.first_wrong["tensor"]  # the first of its strided shortcuts
    assert gpu.first_wrong["sqnr_db"] < 20 < gpu.first_wrong["before_db"]
    support = operator_support(gpu, [row.op for row in file.operators])
    assert [each.status for each in support[:8]] == [*["yes"] * 6, "wrong", "unknown"]


def test_around_an_operation_that_is_wrong_the_others_are_told_apart():
    first = {"number": 1, "op": "CONV_2D", "sqnr_db": -4.3}
    gpu = Gpu("wrong", "its outputs differ", first_wrong=first)
    support = operator_support(gpu, ["PAD", "CONV_2D", "ADD"])
    assert [each.status for each in support] == ["yes", "wrong", "unknown"]
    assert (support[1].reason, support[2].reason) == (
        "CONV_2D: -4.3 dB from the CPU's",
        "it is behind operation 1, which is wrong",
    )


@pytest.mark.parametrize("answer", ["not asked", "not run"])
def test_what_was_not_run_is_never_an_answer(answer):
    assert operator_support(Gpu(answer, "why"), ["ADD"])[0].status == answer


def test_without_a_driver_it_is_not_run_and_says_what_to_do(files, seen, monkeypatch):
    monkeypatch.setattr(driver, "obstacle", lambda: None)
    monkeypatch.setattr(driver, "find_drivers", list)
    gpu = ask_gpu(files["int8"], seen["int8"], "the file")
    assert (gpu.status, gpu.reason) == ("not run", "there is no Vulkan driver")
    assert "scripts/install_software_gpu" in gpu.fix


def test_several_inputs_are_not_run(files, seen):
    gpu = ask_gpu(files["int8"], dataclasses.replace(seen["int8"], inputs=(0, 1)), "the file")
    assert (gpu.status, "one input and one output" in gpu.reason) == ("not run", True)


def test_a_file_that_the_cpu_cannot_run_is_not_run(seen, tmp_path):
    (tmp_path / "broken.tflite").write_bytes(b"\x1c\0\0\0TFL3" + bytes(64))
    gpu = ask_gpu(tmp_path / "broken.tflite", seen["int8"], "the file")
    assert (gpu.status, "does not run on the CPU" in gpu.reason) == ("not run", True)


@pytest.mark.parametrize("mode", ["float32", "aware"])
def test_the_delegate_takes_a_small_cnn(a_driver, files, seen, mode):
    gpu = ask_gpu(files[mode], seen[mode], "the file")
    assert (gpu.status, gpu.reason) == ("yes", "")
    assert gpu.device
    assert gpu.num_delegated_ops == gpu.num_ops == len(seen[mode].operators)
    assert gpu.largest_difference < (1e-4 if mode == "float32" else 0.2)


def test_a_refused_operation_is_laid_at_its_layers_door(a_driver, tmp_path):
    inputs = keras.Input(batch_shape=(1, 8, 8, 3))
    x = keras.layers.Flatten(name="flat")(keras.layers.Conv2D(4, 3, activation="relu", name="conv")(inputs))
    x = tf.gather(x, tf.constant([[0, 1], [2, 3]]), axis=1)
    model = keras.Model(inputs, keras.layers.Dense(5, name="out")(keras.layers.Flatten()(x)))
    path = tmp_path / "gathering.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    file = read_tflite(path)
    gpu = ask_gpu(path, file, "a float32 export")
    assert (gpu.status, gpu.refusals[0]["op"]) == ("no", "GATHER")
    found = layer_support(gpu, file, [layer.name for layer in model.layers], "out")
    answers = {name: support.status for name, support in found.items()}
    assert (answers["conv"], answers["out"]) == ("yes", "yes")
    assert next(answer for name, answer in answers.items() if "gather" in name) == "no"


def test_random_inputs_are_what_a_tensor_can_hold():
    int8 = TensorRow(0, "x", "int8", (1, 5), 0, "per-tensor", 1, (0.5,), (-128,))
    stored = RandomInputs(int8).test.inputs
    assert (stored.shape, stored.dtype) == ((4, 5), "float32")
    assert 0 <= stored.min() <= stored.max() <= 255 * 0.5
    tokens = RandomInputs(TensorRow(0, "x", "int32", (1, 7), 0)).test.inputs
    assert (tokens.dtype, set(tokens.ravel()) <= {0, 1}) == ("int32", True)
