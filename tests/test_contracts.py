"""One sweep over all members of each kind, found by walking the package: a new file is held to its contract too."""

import dataclasses
import importlib
import inspect
import json
import pkgutil
import subprocess
import sys

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.core.contracts import resolved
from tfcompress.core.describe import describe
from tfcompress.core.types import Check, Data, Exporter, Technique
from tfcompress.running.stage import applied

FOLDERS = ("data", "delegates", "distillation", "export", "fitting", "pruning", "quantization")


def modules():
    for folder in FOLDERS:
        package = importlib.import_module(f"tfcompress.{folder}")
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            yield importlib.import_module(found.name)


def members():
    """Every public class of settings: frozen dataclasses that can be made without arguments."""
    classes = (value for module in modules() for _, value in inspect.getmembers(module, inspect.isclass))
    ours = {
        value for value in classes if value.__module__.startswith("tfcompress.") and dataclasses.is_dataclass(value)
    }
    in_rooms = {value for value in ours if value.__module__.split(".")[1] in FOLDERS}
    return sorted((value for value in in_rooms if not value.__name__.startswith("_")), key=lambda value: value.__name__)


def has_defaults(cls):
    missing = dataclasses.MISSING
    return all(
        field.default is not missing or field.default_factory is not missing for field in dataclasses.fields(cls)
    )


MEMBERS = members()
TEACHER = "teacher"
# The others are values that code makes, or need a fit or data.
VALUES = [*(cls() for cls in MEMBERS if has_defaults(cls)), tfc.Refit(TEACHER)]
TECHNIQUES = [value for value in VALUES if isinstance(value, Technique)]
EXPORTERS = [value for value in VALUES if isinstance(value, Exporter)]
CHECKS = [value for value in VALUES if isinstance(value, Check)]
LOSSES = [value for value in VALUES if "distillation" in type(value).__module__ and callable(value)]
LABELS = np.arange(6) % 4


def name_of(value):
    return value.__name__ if inspect.isclass(value) else type(value).__name__


def test_the_sweep_finds_every_kind():
    assert {"Train", "PruneLowMagnitude", "QuantizeAware"} <= {name_of(value) for value in TECHNIQUES}
    assert {"Float32", "Float16", "DynamicRange", "Int8"} <= {name_of(value) for value in EXPORTERS}
    assert {"CpuXnnpack", "CpuBuiltin", "CpuReference", "GpuDelegate"} <= {name_of(value) for value in CHECKS}
    assert {"SoftTargets"} <= {name_of(value) for value in LOSSES}
    assert {"Digits", "Cifar10"} <= {name_of(value) for value in VALUES if isinstance(value, Data)}


@pytest.mark.parametrize("cls", MEMBERS, ids=name_of)
def test_is_frozen(cls):
    assert cls.__dataclass_params__.frozen


@pytest.mark.parametrize("value", VALUES, ids=name_of)
def test_is_json(value):
    assert json.loads(json.dumps(describe(value))) == describe(value)


def test_settings_are_made_without_tensorflow():
    """So that a plan, and a mistake in an argument, are there at once."""
    classes = {f"{cls.__module__}:{cls.__name__}" for cls in MEMBERS if has_defaults(cls)}
    code = (
        "import importlib, sys\n"
        "for module, name in (each.split(':') for each in sys.argv[1:]):\n"
        "    getattr(importlib.import_module(module), name)()\n"
        "    assert 'tensorflow' not in sys.modules, name\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *sorted(classes)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("value", [*TECHNIQUES, *EXPORTERS, *CHECKS, *LOSSES], ids=name_of)
def test_equal_settings_are_equal_and_are_public(value):
    assert dataclasses.replace(value) == value
    homes = (tfc, tfc.criteria, tfc.scores, tfc.regularizers, tfc.losses)
    assert type(value) in [getattr(home, name_of(value), None) for home in homes]


@pytest.mark.parametrize("value", TECHNIQUES, ids=name_of)
def test_a_technique_takes_what_it_says(value):
    taken = {"nothing": ["model"], "data": ["model", "data"], "fit": ["model", "fit"]}
    assert list(inspect.signature(value.apply).parameters) == taken[value.takes]


@pytest.mark.parametrize("value", TECHNIQUES, ids=name_of)
def test_a_technique_keeps_the_shapes_and_its_promises(value, trained):
    data = tfc.Digits(num_examples=128)
    model = trained if name_of(value) == "EvaluateOnly" else tfc.simple_cnn((8, 8, 1), width=4, hidden_units=8)
    if name_of(value) == "FoldBatchNorm":  # SimpleCNN has nothing to fold
        model = tfc.mobile_cnn((8, 8, 1), width=4)
    if name_of(value) == "AdaptiveRounding":
        value = dataclasses.replace(value, num_iterations=10)
    promises = value.promises(model)
    assert {promise.kind for promise in promises} == set(value.makes)
    fit = tfc.KerasFit(data, epochs=3, batch_size=16) if value.takes == "fit" else None
    changed = applied(resolved(value, {TEACHER: model}), model, data, fit)
    assert isinstance(changed, keras.Model)
    assert (changed.input_shape, changed.output_shape) == (model.input_shape, model.output_shape)


# How each technique is given something of some layers, by a selector.
CHOOSING = {
    **dict.fromkeys(("PruneChannels", "PruneTree", "Regularized"), lambda which: {"keep": which}),
    **dict.fromkeys(("PruneLowMagnitude", "PruneWeights"), lambda which: {"per_layer": {which: 0.5}}),
    **dict.fromkeys(("Cluster", "QuantizeActivations", "QuantizeKernels"), lambda which: {"per_layer": {which: None}}),
    "QuantizeAware": lambda which: {"per_layer_bits": {which: 4}},
}


def test_every_technique_that_chooses_layers_is_known():
    choosing = {
        name_of(value)
        for value in TECHNIQUES
        for field in dataclasses.fields(value)
        if str(field.type).startswith(("Selectors", "PerLayer")) or field.name == "keep" or "per_layer" in field.name
    }
    assert choosing == set(CHOOSING)


@pytest.mark.parametrize("name", CHOOSING)
def test_layers_are_chosen_in_four_ways_which_mean_the_same(name):
    model = tfc.mobile_cnn((8, 8, 1), width=8)
    ways = ("logits", "logit[s]", "Dense", keras.layers.Dense, lambda layer: layer.name == "logits")
    promises = [getattr(tfc, name)(**CHOOSING[name](way)).promises(model) for way in ways]
    assert promises == [promises[0]] * len(ways)
    if getattr(tfc, name)().promises(model) and name != "PruneChannels":  # which never cuts the outputs
        assert promises[0] != getattr(tfc, name)().promises(model)


@pytest.mark.parametrize("which", ["logit", keras.layers.LSTM, lambda layer: False], ids=["name", "class", "function"])
@pytest.mark.parametrize("name", CHOOSING)
def test_a_selector_that_matches_no_layer_is_an_error_that_names_the_near_misses(name, which):
    technique, model = getattr(tfc, name)(**CHOOSING[name](which)), tfc.simple_cnn((8, 8, 1), width=8)
    data = tfc.Digits(num_examples=32)
    (field,) = CHOOSING[name](which)
    near = "logits" if which == "logit" else "conv1" if not isinstance(which, type) else ""
    with pytest.raises(tfc.InvalidValue, match=f"{name}.{field} expects .*which matches none. Near it: .*{near}"):
        applied(technique, model, data, tfc.KerasFit(data, epochs=1))


@pytest.mark.parametrize("value", [*TECHNIQUES, *EXPORTERS], ids=name_of)
def test_a_model_of_keras_3_is_told_the_way_in(value, tmp_path):
    import keras as keras3

    model = keras3.Sequential([keras3.Input((8, 8, 1)), keras3.layers.Flatten(), keras3.layers.Dense(10)])
    data = tfc.Digits(num_examples=8)
    with pytest.raises(tfc.UnsupportedModel, match=r"a Sequential of Keras 3\. Use tfcompress\.load_model\(model\)"):
        if isinstance(value, Exporter):
            value.convert(model, data, tmp_path / "model.tflite")
        else:
            teacher = tfc.simple_cnn((8, 8, 1), width=4, hidden_units=8)
            applied(resolved(value, {TEACHER: teacher}), model, data, tfc.KerasFit(data, epochs=1))


@pytest.mark.parametrize("value", EXPORTERS, ids=name_of)
def test_an_exporter_writes_a_file_of_batch_one_that_says_what_it_is(value, trained, tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    # Four bits of random weights may be no model at all, with which no file would be written.
    artifact = value.convert(trained, tfc.Digits(num_examples=32), tmp_path / f"model-{value.mode}.tflite")
    assert [path.name for path in tmp_path.iterdir()] == [artifact.path.name]  # and nothing half-written beside it
    interpreter = Interpreter(str(artifact.path))
    assert list(interpreter.get_input_details()[0]["shape_signature"]) == [1, 8, 8, 1]
    assert artifact.raw_bytes == artifact.path.stat().st_size > artifact.zipped_bytes


@pytest.mark.parametrize("value", LOSSES, ids=name_of)
def test_a_loss_is_one_number_an_example_and_zero_for_the_teachers_own_answers(value):
    logits = np.random.default_rng(0).normal(size=(6, 4)).astype("float32") * 5 - 3
    labels = {"labels": LABELS} if getattr(value, "needs_labels", False) else {}
    loss = value(logits, logits[::-1], **labels)
    assert loss.shape == (6,)
    assert np.all(np.asarray(loss) >= 0)
    np.testing.assert_allclose(value(logits, logits, **labels), 0.0, atol=1e-4)
