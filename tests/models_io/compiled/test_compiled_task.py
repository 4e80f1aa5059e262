"""What `compile` says as a task: by its numbers the same as Keras's own `evaluate`."""

import functools

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras as keras2
from tfcompress.backend.tensorflow import tf
from tfcompress.core.identity import fingerprint
from tfcompress.fitting.objective import objective_of
from tfcompress.layers.twins import keras3 as import_keras3
from tfcompress.measuring.evaluation import bound, evaluate, predict, targets_of
from tfcompress.models_io.copying import copy_model

keras = import_keras3()
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(600, 4)).astype("float32")  # more than one batch of an evaluation
TARGETS = {
    "classes": RANDOM.integers(0, 3, 600),
    "one-hot": np.eye(3, dtype="float32")[RANDOM.integers(0, 3, 600)],
    "label": RANDOM.integers(0, 2, (600, 1)).astype("float32"),
    "labels": RANDOM.integers(0, 2, (600, 3)).astype("float32"),
    "numbers": RANDOM.normal(size=(600, 3)).astype("float32"),
}


def squared(targets, outputs):
    """A loss of a user's own."""
    return tf.reduce_mean(tf.square(tf.cast(targets, outputs.dtype) - outputs), axis=-1)


def widest_error(targets, outputs):
    """A metric of a user's own, of each example."""
    return tf.reduce_max(tf.abs(tf.cast(targets, outputs.dtype) - outputs), axis=-1)


def network(framework, units=3, activation=None):
    framework.utils.set_random_seed(0)
    inputs = framework.Input((4,), name="x")
    return framework.Model(inputs, framework.layers.Dense(units, activation, name="y")(inputs))


def of_both(name, targets, loss, metrics, kind, **how):
    return [pytest.param(framework, targets, loss, metrics, kind, how, id=f"{name} {framework.__name__}")
            for framework in (keras, keras2)]  # fmt: skip


@pytest.mark.parametrize(
    ("framework", "targets", "loss", "metrics", "kind", "how"),
    [
        *of_both("names", "classes", "sparse_categorical_crossentropy", ["accuracy"],
                 tfc.Classification, activation="softmax"),
        *of_both("logits", "classes", lambda k: k.losses.SparseCategoricalCrossentropy(from_logits=True),
                 lambda k: [k.metrics.SparseCategoricalAccuracy()], tfc.Classification),
        *of_both("one-hot", "one-hot", lambda k: k.losses.CategoricalCrossentropy(label_smoothing=0.1),
                 lambda k: ["accuracy", k.metrics.AUC(), *(["crossentropy"] if k is keras2 else [])],
                 tfc.Classification, activation="softmax"),
        *of_both("one label", "label", "binary_crossentropy", ["acc", "AUC"],
                 tfc.Classification, units=1, activation="sigmoid"),
        *of_both("labels", "labels", lambda k: k.losses.BinaryCrossentropy(), ["binary_accuracy"],
                 tfc.Classification, activation="sigmoid"),
        *of_both("mse", "numbers", "mse", ["mae", widest_error], tfc.Regression),
        *of_both("huber", "numbers", lambda k: k.losses.Huber(delta=0.2), ["mse"], tfc.Regression),
        *of_both("squares of classes", "one-hot", "mse", ["accuracy"], tfc.Classification, activation="softmax"),
        *of_both("own", "numbers", lambda k: squared, [widest_error], tfc.Task),
        *of_both("own loss of classes", "one-hot", lambda k: squared, ["accuracy"], tfc.Classification),
    ],
)  # fmt: skip
def test_loss_and_metrics_are_those_of_evaluate(framework, targets, loss, metrics, kind, how):
    model = network(framework, **how)
    loss, metrics = (each(framework) if callable(each) else each for each in (loss, metrics))
    model.compile("sgd", loss, metrics=metrics)
    y = TARGETS[targets]
    wanted = model.evaluate(X, y, batch_size=600, verbose=0)

    loaded = tfc.load_model(model)
    task = tfc.compiled_task(loaded)
    assert type(task) is kind
    data = tfc.dataset(train=(X, y), test=(X, y), task=task)
    known = bound(task, loaded)
    outputs = predict(loaded, data, data.test)
    found = evaluate(known, outputs, targets_of(data, known))
    np.testing.assert_allclose(list(found.values()), wanted[1:], rtol=1e-4)
    objective = objective_of(loaded, data, None, "test")
    shaped = y if y.ndim > 1 else y[:, None]
    np.testing.assert_allclose(objective.loss(tf.constant(shaped), tf.constant(outputs["y"])), wanted[0], rtol=1e-4)


@pytest.mark.parametrize("framework", [keras, keras2])
def test_what_a_loss_tells_and_what_its_task_is_called(framework):
    losses = framework.losses
    model = network(framework)
    model.compile("sgd", losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0))
    task = tfc.compiled_task(model)
    assert (task.from_logits, task.ignore, task.several_labels) == (True, 0, False)
    model.compile("sgd", losses.BinaryCrossentropy(from_logits=True))
    task = tfc.compiled_task(model)
    assert (task.from_logits, task.several_labels) == (True, True)
    assert [metric.name for metric in bound(task, tfc.load_model(model)).metrics] == ["mean F1", "label accuracy"]
    model.compile("sgd", functools.partial(losses.categorical_crossentropy, from_logits=True))
    assert tfc.compiled_task(model).from_logits
    inputs = framework.Input((8, 8, 2))
    pixels = framework.Model(inputs, framework.layers.Conv2D(5, 1, activation="softmax")(inputs))
    pixels.compile("sgd", "sparse_categorical_crossentropy")
    assert type(tfc.compiled_task(pixels)) is tfc.Segmentation


def heads(framework, as_dict=False):
    inputs = framework.Input((4,), name="x")
    kind = framework.layers.Dense(3, "softmax", name="kind")(inputs)
    size = framework.layers.Dense(1, name="size")(inputs)
    return framework.Model(inputs, {"what": kind, "large": size} if as_dict else [kind, size])


@pytest.mark.parametrize("framework", [keras, keras2])
@pytest.mark.parametrize("form", ["list", "dict", "dict of outputs"])
def test_each_output_has_its_loss_metrics_and_weight(framework, form):
    model = heads(framework, form == "dict of outputs")
    names = ("what", "large") if form == "dict of outputs" else ("kind", "size")

    def in_form(*values):
        return list(values) if form == "list" else dict(zip(names, values, strict=True))

    model.compile(
        "sgd",
        in_form("sparse_categorical_crossentropy", "mae"),
        loss_weights=in_form(1.0, 0.25),
        metrics=in_form(["accuracy"], ["mse"]),
        weighted_metrics=in_form([], ["mse", "mae"]),
    )
    loaded = tfc.load_model(model)
    for task in (tfc.compiled_task(model), tfc.compiled_task(loaded)):
        assert {name: type(each) for name, each in task.tasks.items()} == dict(
            zip(names, (tfc.Classification, tfc.Regression), strict=True)
        )
        assert task.loss_weights == {names[0]: 1.0, names[1]: 0.25}
        found = {metric.name for metric in bound(task, loaded).metrics}
        assert found == {f"{names[0]} accuracy", f"{names[1]} mse", f"{names[1]} mae"}
    examples = (X, dict(zip(names, (TARGETS["classes"], TARGETS["label"]), strict=True)))
    data = tfc.dataset(train=examples, test=examples)
    fit = tfc.KerasFit(data, epochs=2, task=task, learning_rate=0.1)
    losses = fit(loaded).history["loss"]
    assert losses[1] < losses[0]


def test_one_loss_or_plain_metrics_for_all_outputs(message):
    model = heads(keras2)
    model.compile("sgd", "mse", metrics=["mae"])
    assert [[m.name for m in task.metrics] for task in tfc.compiled_task(model).tasks.values()] == [["mae"], ["mae"]]
    model = heads(keras)
    model.compile("sgd", squared)  # Keras 3 gives it both outputs at once
    assert "must be given by output" in message(tfc.InvalidValue, lambda: tfc.compiled_task(model))
    model.compile("sgd", {"kind": "mse"})
    assert "for output 'size'. Received: none" in message(tfc.InvalidValue, lambda: tfc.compiled_task(model))
    model.compile("sgd", {"kind": "mse", "siez": "mse"})
    assert "Received: the name 'siez'" in message(tfc.InvalidValue, lambda: tfc.compiled_task(model))


@pytest.mark.parametrize("framework", [keras, keras2])
def test_without_compile_there_is_none_and_what_is_open_is_asked_for(framework, message, remarks):
    model = network(framework)
    assert tfc.compiled_task(model) is tfc.compiled_task(tfc.load_model(model)) is None
    model.compile("sgd")
    assert tfc.compiled_task(model) is None
    model.compile("sgd", squared)
    words = message(tfc.InvalidValue, lambda: tfc.compiled_task(model))
    assert "must tell what output 'y' gives" in words and "Say task=" in words
    loaded = tfc.load_model(model)  # which is no error
    assert words in str(remarks[-1])
    assert message(tfc.InvalidValue, lambda: tfc.compiled_task(loaded)) == words
    model.compile("sgd", "mse", metrics=["accuracy"])
    assert "Received: accuracy, of classes" in message(tfc.InvalidValue, lambda: tfc.compiled_task(model))


@pytest.mark.parametrize("framework", [keras, keras2])
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_a_file_brings_its_task(framework, suffix, tmp_path):
    model = network(framework)
    loss = framework.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy", framework.metrics.SparseTopKCategoricalAccuracy(2, name="top 2")])
    model.save(tmp_path / f"model{suffix}")
    report = tfc.load_with_report(tmp_path / f"model{suffix}")
    assert not report.model._is_compiled
    task = tfc.compiled_task(report.model)
    assert task is report.task and report.no_task == ""
    assert (type(task), task.from_logits) == (tfc.Classification, True)
    assert [metric.name for metric in task.metrics] == ["accuracy", "top 2"]
    tfc.save_model(report.model, tmp_path / "again.keras")
    assert tfc.compiled_task(tfc.load_model(tmp_path / "again.keras")) is None  # ours are uncompiled
    assert copy_model(report.model).count_params() == report.model.count_params()


def test_a_loss_that_nobody_brings_is_remarked(tmp_path, remarks):
    model = network(keras)
    model.compile("sgd", squared, metrics=[widest_error])
    model.save(tmp_path / "model.keras")
    report = tfc.load_with_report(tmp_path / "model.keras", safe_mode=False)
    assert report.task is None and "must bring the loss and the metrics that model.keras" in report.no_task
    assert "\n" not in report.no_task
    own = {"squared": squared, "widest_error": widest_error}
    task = tfc.load_with_report(tmp_path / "model.keras", custom_objects=own).task
    assert (task.loss, [metric.name for metric in task.metrics]) == (squared, ["widest_error"])


def test_a_task_is_the_same_in_the_next_run_and_another_for_other_settings():
    model = network(keras)
    seen = set()
    for delta in (1.0, 2.0):
        for metric in (widest_error, squared):
            model.compile("sgd", keras.losses.Huber(delta), metrics=[metric])
            assert fingerprint(tfc.compiled_task(model)) == fingerprint(tfc.compiled_task(model))
            seen.add(fingerprint(tfc.compiled_task(model)))
    assert len(seen) == 4


def test_a_model_that_was_not_loaded_is_refused(message):
    assert "Bring a file in with load_model" in message(tfc.InvalidValue, lambda: tfc.compiled_task("model.keras"))
