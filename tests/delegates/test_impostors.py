"""No check passes a file that is not the model's: for every task, weights zeroed, of another seed, swapped, or NaN."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.core.types import Artifact
from tfcompress.data.dataset import dataset
from tfcompress.delegates import judge
from tfcompress.delegates.worker import Seen
from tfcompress.measuring.outputs import input_specs, output_specs

L = keras.layers
N = 60
RNG = np.random.default_rng(3)
X = RNG.normal(size=(N, 6)).astype("float32") + 5  # far from 0, as a table's columns are


def one(head):
    """A network with one output; `head` makes its last layers anew."""
    return lambda x: head(L.Dense(16, "relu", name="hidden")(x))


def dense(units, activation=None, name="out"):
    return one(lambda h: L.Dense(units, activation, name=name)(h))


def pixels(activation=None, channels=1):
    return one(lambda h: L.Conv2D(channels, 3, activation=activation, name="out")(L.Reshape((4, 4, 1))(h)))


def two(x):
    hidden = L.Dense(16, "relu", name="hidden")(x)
    return [L.Dense(3, name="left")(hidden), L.Dense(3, name="right")(hidden)]


LABELS = RNG.integers(0, 2, (N, 1))
# A network, its task, and targets for it.
TASKS = {
    "logits": (dense(4, name="out"), tfc.Classification(), RNG.integers(0, 4, N)),
    "softmax": (dense(4, "softmax", name="out"), tfc.Classification(), RNG.integers(0, 4, (N, 1))),
    "one sigmoid": (dense(1, "sigmoid", name="out"), tfc.Classification(), LABELS),
    "several labels": (
        dense(3, "sigmoid", name="out"),
        tfc.Classification(several_labels=True),
        RNG.integers(0, 2, (N, 3)),
    ),
    "per time step": (
        one(lambda h: L.Dense(3, name="out")(L.Reshape((4, 4))(h))),
        tfc.Classification(),
        RNG.integers(0, 3, (N, 4)),
    ),
    "binary mask": (pixels("sigmoid"), tfc.Segmentation(), RNG.integers(0, 2, (N, 2, 2))),
    "mask of classes": (pixels(channels=3), tfc.Segmentation(), RNG.integers(0, 3, (N, 2, 2))),
    "regression": (dense(1, name="out"), tfc.Regression(), RNG.normal(size=(N, 1))),
    "reconstruction": (dense(6, name="out"), tfc.Reconstruction(anomalies=True), LABELS[:, 0]),
    "own": (
        dense(2, name="out"),
        tfc.Task(loss="mse", metrics=[lambda y, p: float(abs(y - p).max())]),
        RNG.normal(size=(N, 2)),
    ),
    "two outputs": (
        two,
        tfc.ByOutput(tasks={"left": tfc.Regression(), "right": tfc.Classification()}),
        {"left": RNG.normal(size=(N, 3)), "right": RNG.integers(0, 3, N)},
    ),
}


def network(name, seed):
    keras.utils.set_random_seed(seed)
    x = keras.Input((6,), name="x")
    return keras.Model(x, TASKS[name][0](x))


def zeroed(name, model):
    model.set_weights([np.zeros_like(weight) for weight in model.get_weights()])
    return outputs_of(model)


def of_another_seed(name, model):
    return outputs_of(network(name, 8))


def with_nan(name, model):
    *others, last = model.get_weights()
    last.reshape(-1)[0] = np.nan
    model.set_weights([*others, last])
    return outputs_of(model)


def shuffled_examples(name, model):
    return [values[::-1] for values in outputs_of(model)]


def outputs_of(model):
    found = model(X).numpy() if len(model.outputs) == 1 else model(X)
    return [np.asarray(found)] if len(model.outputs) == 1 else [values.numpy() for values in found]


def judged(name, outputs, mode="int8"):
    """What a check finds of a file that gives these outputs, where the model of seed 7 is meant."""
    model = network(name, 7)
    task, targets = TASKS[name][1:]
    data = dataset((X, targets), (X, targets), task=task)
    specs = output_specs(model)
    artifact = Artifact(Path("file"), mode, 1, 1, "", tuple(each.name for each in input_specs(model)), specs)
    names = [each.name for each in specs]
    seen = Seen(output_names=tuple(names), outputs=tuple(outputs))
    against = {"keras": dict(zip(names, outputs_of(model), strict=True))}
    return judge.finding("cpu", seen, artifact, data, task.bind(specs), against, "a CPU")


@pytest.mark.parametrize("name", TASKS)
def test_the_model_itself_passes(name):
    assert judged(name, outputs_of(network(name, 7)), "float32").status == "pass"


@pytest.mark.parametrize("impostor", [zeroed, of_another_seed, with_nan, shuffled_examples])
@pytest.mark.parametrize("name", TASKS)
def test_an_impostor_fails(name, impostor):
    found = judged(name, impostor(name, network(name, 7)))
    assert found.status == "fail", found


def test_swapped_outputs_fail():
    left, right = outputs_of(network("two outputs", 7))
    assert judged("two outputs", [right, left]).status == "fail"


def test_outputs_that_are_the_same_for_every_example_are_not_run():
    constant = np.ones((N, 1), "float32")
    model, task = network("regression", 7), tfc.Regression()
    data = dataset((X, X[:, :1]), (X, X[:, :1]))
    artifact = Artifact(Path("file"), "int8", 1, 1, "", ("x",), output_specs(model))
    seen = Seen(output_names=("out",), outputs=(constant,))
    found = judge.finding(
        "cpu", seen, artifact, data, task.bind(output_specs(model)), {"keras": {"out": constant}}, "a CPU"
    )
    assert (found.status, "the same for every example" in found.reason) == ("not run", True)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Real files: of the model, and of one with other weights, whose two outputs are moreover the other way round."""
    folder = tmp_path_factory.mktemp("files")
    model, other = network("two outputs", 7), network("two outputs", 8)
    turned = keras.Model(other.inputs, other.outputs[::-1])
    return model, {
        "own": tfc.Float32().convert(model, None, folder / "own.tflite"),
        "other": tfc.Float32().convert(other, None, folder / "other.tflite"),
        "turned": tfc.Float32().convert(turned, None, folder / "turned.tflite"),
    }


@pytest.mark.parametrize(("file", "status"), [("own", "pass"), ("other", "fail"), ("turned", "fail")])
def test_files_on_the_cpu(files, file, status):
    model, made = files
    _, task, targets = TASKS["two outputs"]
    data = dataset((X, targets), (X, targets), task=task)
    artifact = dataclasses.replace(made[file], outputs=output_specs(model))
    against = {"keras": dict(zip(("left", "right"), outputs_of(model), strict=True))}
    found = tfc.CpuXnnpack().run(artifact, data, against)
    assert found.status == status, found
    assert found.metrics == by_hand(artifact.path, task, targets, model)


def by_hand(path, task, targets, model):
    """The task's metrics of predictions that are made here, one example at a time, by ai_edge_litert alone."""
    interpreter = Interpreter(str(path))
    runner = interpreter.get_signature_runner()
    rows = [runner(x=x[None]) for x in X]
    found = {name: np.concatenate([row[name] for row in rows]) for name in ("left", "right")}
    mae = np.abs(targets["left"] - found["left"]).mean()
    rmse = np.sqrt(((targets["left"] - found["left"]) ** 2).mean())
    spread = ((targets["left"] - targets["left"].mean(0)) ** 2).sum()
    return {
        "left MAE": pytest.approx(mae, rel=1e-6),
        "left RMSE": pytest.approx(rmse, rel=1e-6),
        "left R2": pytest.approx(1 - rmse**2 * N * 3 / spread, rel=1e-6),
        "right accuracy": (found["right"].argmax(-1) == targets["right"]).mean(),
    }
