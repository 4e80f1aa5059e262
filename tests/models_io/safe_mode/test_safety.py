"""A file runs nothing of its own unless it is trusted."""

import importlib

import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras as keras2
from tfcompress.core.errors import UnsupportedModel
from tfcompress.models_io.safe_mode.safety import require_safe
from tfcompress.models_io.safe_mode.tensor_operations import KERAS_3, TENSORFLOW


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("major", [2, 3])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_a_lambda_is_refused_and_named_unless_trusted(major, suffix, keras3, tmp_path, message):
    keras = keras2 if major == 2 else keras3
    inputs = keras.Input((4,))
    keras.Model(inputs, keras.layers.Lambda(lambda x: x + 1, name="plus")(inputs)).save(tmp_path / f"model{suffix}")
    said = message(UnsupportedModel, lambda: tfc.load_model(tmp_path / f"model{suffix}"))
    assert "'plus'" in said and "Python bytecode that the file holds" in said and "safe_mode=False" in said
    assert tfc.load_with_report(tmp_path / f"model{suffix}", safe_mode=False).largest_difference == 0


LAYER = {"module": "keras.layers", "registered_name": None}


def said_of(item, major=2, custom_objects=None):
    """What is said of a model with this object somewhere inside."""
    config = {"class_name": "Sequential", "config": {"name": "model", "layers": [{"deep": [item]}]}}
    with pytest.raises(UnsupportedModel) as caught:
        require_safe(config, "model.keras", major, custom_objects)
    return str(caught.value)


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({**LAYER, "class_name": "TFSMLayer", "config": {"name": "x", "filepath": "/evil"}}, "SavedModel from a path"),
        (
            {**LAYER, "class_name": "StringLookup", "config": {"vocabulary": "/etc/passwd"}},
            "read the file '/etc/passwd'",
        ),
        (  # .h5 files go by the class's name, whatever else is registered
            {
                "class_name": "StringLookup",
                "registered_name": "tfcompress>relu6",
                "config": {"vocabulary": "/etc/passwd"},
            },
            "read the file '/etc/passwd'",
        ),
        # An object may become a path when it is made: `linear` gives what it is given.
        ({"class_name": "linear", "config": {"x": "/etc/passwd"}}, "'linear'"),
        ({"class_name": "StringLookup", "config": {"vocabulary": {"class_name": "Dense"}}}, "read the file"),
        ({"class_name": "ModuleWrapper", "config": {"module": [1], "method_name": "clear"}}, "call a method"),
        ({"class_name": "function", "module": "keras.layers", "config": "Dense"}, "'Dense'"),
        ({"class_name": "TFOpLambda", "config": {"function": "io.write_file"}}, "call tf.io.write_file"),
        ({"class_name": "TFOpLambda", "config": {"function": "py_function"}}, "call tf.py_function"),
        ({"class_name": "TFOpLambda", "config": {"function": "compat.v1.read_file"}}, "call tf.compat.v1.read_file"),
        ({"class_name": "TFOpLambda", "config": {"function": "raw_ops.WriteFile"}}, "call tf.raw_ops.WriteFile"),
        ({"class_name": "TFOpLambda", "config": {"function": "random.set_seed"}}, "call tf.random.set_seed"),
        ({"class_name": "TFOpLambda", "config": {"function": "keras.backend.eval"}}, "call tf.keras.backend.eval"),
        ({"class_name": "InstanceMethod", "config": {"attr_name": "__reduce__"}}, "call __reduce__ of a tensor"),
        (
            {"class_name": "ClassMethod", "config": {"cls_symbol": "data.Dataset", "method_name": "from_tensor"}},
            "call from_tensor",
        ),
        ({"class_name": "function", "config": "get_file", "module": "keras.utils"}, "use keras.utils.get_file"),
        ({"class_name": "function", "config": "get", "module": "keras.activations"}, "keras.activations.get"),
        ({"class_name": "function", "config": "eval", "module": "builtins"}, "'eval' (module 'builtins')"),
        ({"class_name": "eval", "config": {}, "module": "builtins"}, "'eval' (module 'builtins')"),
        # Keras takes the registered name for an attribute of the module, and what follows a dot for one of that.
        (
            {
                "module": "keras.src.layers.core.lambda_layer",
                "class_name": "x",
                "registered_name": "Lambda",
                "config": {},
            },
            "'x' (registered name 'Lambda', module 'keras.src.layers.core.lambda_layer')",
        ),
        (
            {
                "module": "keras.src.layers.core",
                "class_name": "Dense",
                "registered_name": "lambda_layer",
                "config": {},
            },
            "'Dense' (registered name 'lambda_layer'",
        ),
        ({**LAYER, "class_name": "os.system", "config": {}, "registered_name": "Dense"}, "'os.system'"),
        ({"module": "keras", "class_name": "function", "config": "utils.get_file"}, "'utils.get_file'"),
        ({**LAYER, "class_name": ["Dense"], "config": {}}, "has no name"),
        ({**LAYER, "class_name": "Dense", "config": {}, "module": {"a": 1}}, "has no name"),
        # A value is one only where no module is given.
        ({"module": "evil", "class_name": "__slice__", "config": {}}, "'__slice__' (module 'evil')"),
        ({"module": "evil", "class_name": "TensorShape", "items": [], "config": {}}, "'TensorShape' (module 'evil')"),
        ({"class_name": "TypeSpec", "type_spec": "evil.Spec", "serialized": []}, "'evil.Spec'"),
        # Hosted makes its operation by Keras 3, which does not know what tf_keras has registered.
        (
            {
                "class_name": "Hosted",
                "registered_name": "tfcompress>Hosted",
                "config": {"operation": {"module": "evil", "class_name": "m", "registered_name": "tfcompress>relu6"}},
            },
            "'m' (registered name 'tfcompress>relu6', module 'evil')",
        ),
        # Older formats go by the class's name, which may be a function's beside the classes: `deserialize` calls more.
        ({"class_name": "deserialize", "registered_name": "tfcompress>relu6", "config": {}}, "'deserialize'"),
        ({**LAYER, "class_name": "deserialize", "registered_name": "Dense", "config": {}}, "'deserialize'"),
        ({"class_name": "deserialize", "config": {"use_legacy_format": True}}, "'deserialize'"),
        (
            {
                "class_name": "tfcompress>Hosted",
                "registered_name": "tfcompress>relu6",
                "config": {"operation": {"module": "evil", "class_name": "m", "registered_name": "tfcompress>relu6"}},
            },
            "'tfcompress>Hosted' (registered name 'tfcompress>relu6')",
        ),
        # What looks like the settings of a Hosted layer is none.
        ({"registered_name": "tfcompress>Hosted", "config": {}, "x": [{"module": "evil", "class_name": "E"}]}, "'E'"),
        (
            {
                "class_name": "Hosted",
                "registered_name": "tfcompress>Hosted",
                "config": {"operation": None},
                "build_config": {"module": "evil", "class_name": "E"},
            },
            "'E' (module 'evil')",
        ),
    ],
)
def test_code_anywhere_in_a_configuration_is_found(item, expected):
    assert expected in said_of(item)


@pytest.mark.parametrize("name", ["DropoutWrapper", "ResidualWrapper"])
@pytest.mark.parametrize("module", [{}, {"module": "tf_keras.src.layers.rnn.cell_wrappers"}])
def test_cells_that_unpack_bytecode_are_refused(name, module):
    assert "run Python bytecode" in said_of({**module, "class_name": name, "config": {}})


@pytest.mark.parametrize("major", [2, 3])
def test_a_name_must_be_registered_exactly_and_with_the_keras_that_reads_the_file(major, keras3):
    mine = type("Mine", (keras2.layers.Layer if major == 2 else keras3.layers.Layer,), {})
    item = {"module": "evil", "class_name": "Mine", "config": {}}
    require_safe(item, "model.keras", major, {"Mine": mine})
    require_safe({**item, "registered_name": "mine>Mine"}, "model.keras", major, {"mine>Mine": mine})
    for other in ("mine>Mine", "tfcompress>m", None, "Layer"):
        said = said_of({**item, "registered_name": other}, major, {"Mine": mine})
        assert "'Mine'" in said and "module 'evil'" in said
    registry = (keras3 if major == 2 else keras2).saving.get_custom_objects()
    registry["other>Mine"] = mine
    try:
        assert "'Mine'" in said_of({**item, "registered_name": "other>Mine"}, major)
    finally:
        del registry["other>Mine"]


def test_a_name_that_the_user_brings_does_not_cover_what_keras_has_of_that_name(keras3):
    mine = type("Lambda", (keras2.layers.Layer,), {})
    item = {**LAYER, "class_name": "Lambda", "config": {"function": ["code"]}}  # registered_name null: by the module
    assert "Python bytecode" in said_of(item, custom_objects={"Lambda": mine})
    require_safe({**item, "registered_name": "Lambda"}, "model.keras", 2, {"Lambda": mine})


def test_operations_of_keras_3_that_take_a_function_are_refused():
    item = {"module": "keras.src.ops.core", "class_name": "Map", "config": {"name": "map"}, "registered_name": "Map"}
    assert "keras.src.ops.core.Map" in said_of(item, major=3)
    require_safe({**item, "class_name": "Cast", "registered_name": "Cast"}, "model.keras", 3)


@pytest.mark.parametrize(
    "symbol",
    ["math.add", "nn.relu", "__operators__.getitem", "reshape", "concat", "compat.v1.transpose", "compat.v1.floor_div"],
)
def test_operations_that_only_compute_pass(symbol):
    require_safe({"class_name": "TFOpLambda", "config": {"function": symbol}}, "model.keras", 2)


@pytest.mark.parametrize(
    ("major", "module", "name"),
    [
        (2, "tensorflow.python.ops.init_ops_v2", "Constant"),  # tf.constant_initializer, as in EfficientNetV2
        (3, "keras.src.applications.convnext", "LayerScale"),
        (3, None, "GroupedQueryAttention"),  # GroupQueryAttention, as .h5 files have it
        (2, "tensorflow_model_optimization.python.core.sparsity.keras.pruning_wrapper", "PruneLowMagnitude"),
    ],
)
def test_parts_that_stand_in_other_modules_pass(major, module, name, keras3):
    item = {"module": module, "class_name": name, "config": {}}
    require_safe({**item, "registered_name": None}, "model.keras", major)
    require_safe({**item, "registered_name": name}, "model.keras", major)
    assert "'Other'" in said_of({**item, "class_name": "Other"}, major)


def test_the_lists_of_operations_name_what_there_is(keras3):
    exported = importlib.import_module("tensorflow.python.util.tf_export").get_symbol_from_name
    assert not [name for name in TENSORFLOW if exported(name) is None and exported(f"compat.v1.{name}") is None]
    if tuple(map(int, keras3.__version__.split(".")[:2])) < (3, 15):
        pytest.skip(f"Keras {keras3.__version__}, the newest for this Python, has not all of the listed operations yet")
    homes = [importlib.import_module(f"keras.src.ops.{name}") for name in ("core", "numpy", "nn", "math", "linalg")]
    homes += [importlib.import_module(f"keras.src.ops.{name}") for name in ("image", "einops")]
    assert not [name for name in KERAS_3 if not any(hasattr(home, name) for home in homes)]


@pytest.mark.parametrize(
    "item",
    [
        {"class_name": "TFOpLambda", "config": {"name": "x\n\x1b[31m" * 1000, "function": "\x1b[2J\n" * 10_000}},
        {"class_name": "\n\x1b" * 10_000, "module": "\n" * 10_000, "registered_name": "\r" * 10_000},
        {"class_name": "function", "module": "keras.utils", "config": "\x1b[31m\n"},
        {**LAYER, "class_name": "StringLookup", "config": {"vocabulary": "\n" * 10_000}},
    ],
)
def test_a_message_is_one_short_line_whatever_a_file_says(item):
    said = said_of(item)
    assert said.isprintable() and len(said) < 1000


def test_depth_is_no_way_out():
    config = {"module": "evil", "class_name": "Evil", "config": {}}
    for _ in range(100_000):
        config = [config]
    with pytest.raises(UnsupportedModel, match="'Evil'"):
        require_safe(config, "model.keras", 2)


def test_what_compile_names_is_looked_at_where_it_leads_somewhere():
    loss = {"class_name": "MyLoss", "config": {}}
    require_safe({"class_name": "Dense", "config": {}}, "model.h5", 2, training={"loss": loss})
    with pytest.raises(UnsupportedModel, match="'MyLoss' .module 'mine'., for the settings of compile"):
        require_safe(
            {"class_name": "Dense", "config": {}}, "model.h5", 2, training={"loss": {**loss, "module": "mine"}}
        )
