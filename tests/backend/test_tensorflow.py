import os
import subprocess
import sys

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import is_quantization_aware, keras
from tfcompress.measuring.measure import kernels
from tfcompress.models_io.copying import copy_model, load_model, model_suffix, save_model

FORMATS = [".keras", ".h5"]


def answers(model, digits):
    return model(digits.model_inputs(digits.test.inputs[:50])).numpy()


def zeros(model):
    return {name: values == 0 for name, values in kernels(model).items()}


def weight_names(model):
    return [weight.name for weight in model.weights]


@pytest.fixture
def model(request):
    """The session's model of the name that the test is parametrised with."""
    return request.getfixturevalue(request.param)


both = pytest.mark.parametrize("model", ["sparse", "aware"], indirect=True)


@both
def test_a_copy_has_the_names_and_weights_and_answers_of_the_model(model, digits):
    copy = copy_model(model)
    assert [layer.name for layer in copy.layers] == [layer.name for layer in model.layers]
    assert (copy.name, copy.input_names, copy.output_names) == (model.name, model.input_names, model.output_names)
    for ours, theirs in zip(copy.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(answers(copy, digits), answers(model, digits))


@both
def test_a_copy_is_another_model(model):
    before = model.get_weights()
    copy = copy_model(model)
    copy.set_weights([np.ones_like(weight) for weight in before])
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_a_copy_of_several_inputs_and_outputs_keeps_their_order():
    first, second = keras.Input((2,), name="first"), keras.Input((3,), name="second")
    outputs = [keras.layers.Dense(4, name="a")(second), keras.layers.Dense(5, name="b")(first)]
    copy = copy_model(keras.Model([first, second], outputs), batch_size=7)
    assert copy.input_names == ["first", "second"]
    assert [tuple(tensor.shape) for tensor in copy.inputs] == [(7, 2), (7, 3)]
    assert [tuple(tensor.shape) for tensor in copy.outputs] == [(7, 4), (7, 5)]


def test_a_copy_keeps_the_type_of_its_input():
    model = keras.Sequential([keras.Input((3,), dtype="int32"), keras.layers.Embedding(10, 4)])
    assert copy_model(model).inputs[0].dtype == "int32"


def test_a_copy_takes_the_batch_size(sparse):
    assert copy_model(sparse, batch_size=1).input_shape == (1, 8, 8, 1)
    assert copy_model(sparse).input_shape == (None, 8, 8, 1)


@pytest.mark.parametrize("suffix", FORMATS)
@both
def test_a_saved_model_comes_back(model, suffix, digits, tmp_path):
    path = tmp_path / f"model{suffix}"
    save_model(model, path)
    loaded = load_model(path)
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in model.layers]
    assert is_quantization_aware(loaded) == is_quantization_aware(model)
    np.testing.assert_array_equal(answers(loaded, digits), answers(model, digits))
    for name, values in kernels(model).items():
        np.testing.assert_array_equal(kernels(loaded)[name], values)


@both
def test_saving_leaves_the_model_as_it_was(model, digits, tmp_path):
    before, names = answers(model, digits), weight_names(model)
    save_model(model, tmp_path / "model.keras")
    np.testing.assert_array_equal(answers(model, digits), before)
    assert weight_names(model) == names


def test_models_are_kept_in_keras_own_format(sparse, aware):
    assert (model_suffix(sparse), model_suffix(aware)) == (".keras", ".keras")


def saved(suffix):
    def through_a_file(model, tmp_path):
        save_model(model, tmp_path / f"model{suffix}")
        return load_model(tmp_path / f"model{suffix}")

    return through_a_file


def twice(model, tmp_path):
    return saved(".keras")(saved(".keras")(copy_model(model), tmp_path), tmp_path)


@pytest.mark.parametrize(
    "again", [lambda model, _: copy_model(model), *map(saved, FORMATS), twice], ids=["copied", ".keras", ".h5", "twice"]
)
def test_a_quantization_aware_model_goes_on_keeping_its_zeros(again, aware, digits, tmp_path):
    """What training of the copy fills is lost: the mask is no part of tfmot's configuration."""
    copy, before = again(aware, tmp_path), zeros(aware)
    tfc.KerasFit(digits, epochs=1, learning_rate=0.05)(copy)
    for name, now in zeros(copy).items():
        assert now[before[name]].all(), name
        assert before[name].mean() > 0.4
    assert any((kernels(copy)[name] != values).any() for name, values in kernels(aware).items())  # it did train


def test_a_quantization_aware_model_that_keeps_no_zeros_does_not_begin_to(trained, digits, tmp_path):
    plain = tfc.QuantizeAware(keep_sparsity=False).apply(trained, tfc.KerasFit(digits, epochs=1, learning_rate=0.01))
    for layer in plain.layers:
        for weight, _, _ in getattr(layer, "_weight_vars", []):
            weight.assign(np.where(np.abs(weight) > np.median(np.abs(weight)), weight, 0))
    loaded = saved(".keras")(plain, tmp_path)
    tfc.KerasFit(digits, epochs=1, learning_rate=0.05)(loaded)
    # the first convolution's 144 weights are fed by every example; a channel or two is dead, and stays as it is
    assert zeros(plain)["conv1/kernel"].mean() == 0.5
    assert zeros(loaded)["conv1/kernel"].mean() < 0.3


IMPORTS_NOTHING_HEAVY = """
import sys
import {module}
heavy = {{"tensorflow", "tf_keras", "keras", "numpy", "tensorflow_model_optimization"}} & set(sys.modules)
assert not heavy, heavy
"""


@pytest.mark.parametrize(
    "module",
    [
        "tfcompress",
        "tfcompress.recipe",
        "tfcompress.backend.tensorflow",
        "tfcompress.fitting",
        "tfcompress.pruning.magnitude",
    ],
)
def test_importing_imports_neither_tensorflow_nor_numpy(module):
    subprocess.run([sys.executable, "-c", IMPORTS_NOTHING_HEAVY.format(module=module)], check=True)


def test_every_public_name_is_there():
    assert [name for name in tfc.__all__ if getattr(tfc, name, None) is None] == []
    assert dir(tfc) == tfc.__all__


def test_a_name_that_is_not_there_is_told():
    with pytest.raises(AttributeError, match="module 'tfcompress' has no attribute 'Prune'"):
        tfc.Prune  # noqa: B018


SETS_LEGACY_KERAS = """
import os
from tfcompress.backend.tensorflow import keras, tf
os.environ.pop("TF_USE_LEGACY_KERAS", None)
assert keras.__name__ == "tf_keras"
import tensorflow as plain
keras.layers
assert os.environ["TF_USE_LEGACY_KERAS"] == "1"
assert tf.version.VERSION == plain.version.VERSION
"""

LEAVES_KERAS_3 = """
import sys
from tfcompress.backend.tensorflow import keras, tf, tfmot
assert keras.layers and tf.version.VERSION and tfmot.sparsity and "keras" not in sys.modules
import keras as keras_3
assert keras_3.version().startswith("3.")
"""


@pytest.mark.parametrize(
    "code", [pytest.param(SETS_LEGACY_KERAS, marks=pytest.mark.slow), LEAVES_KERAS_3], ids=["legacy Keras", "Keras 3"]
)
def test_legacy_keras_is_chosen_in_any_order_of_imports_and_keras_3_imported_by_nobody_else(code):
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


FIRST_USE = """
import tfcompress as tfc
from tfcompress.backend.tensorflow import tf
model = tfc.simple_cnn((8, 8, 1))  # the first use of TensorFlow, which also looks for GPUs
model(tf.zeros((1, 8, 8, 1)))
"""


@pytest.mark.parametrize(
    ("level", "is_quiet"), [(None, True), pytest.param("0", False, marks=pytest.mark.slow)], ids=["usual", "all wanted"]
)
def test_a_script_prints_nothing_of_tensorflow_s_unless_the_user_wants_it(level, is_quiet):
    env = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    env |= {} if level is None else {"TF_CPP_MIN_LOG_LEVEL": level}
    done = subprocess.run([sys.executable, "-c", FIRST_USE], capture_output=True, text=True, timeout=120, env=env)
    assert done.returncode == 0
    assert (done.stdout + done.stderr == "") == is_quiet, done.stderr


def test_a_limit_of_address_space_is_told_before_tensorflow_aborts():
    resource = pytest.importorskip("resource")
    code = (
        "import resource\nfrom tfcompress.backend.tensorflow import start_quietly\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2 << 30, resource.RLIM_INFINITY))\nstart_quietly()"
    )
    if resource.getrlimit(resource.RLIMIT_AS)[1] != resource.RLIM_INFINITY:
        pytest.skip("this process has a limit of its own, which cannot be raised")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "OutOfMemory: TensorFlow must have 2.5 GiB of address space at least" in done.stderr
    assert "Received: a limit of 2 GiB" in done.stderr
