"""`compress`: the five lines, on a Keras 3 model with tf.data, a loss and a metric of the user's own."""

import json

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

import tfcompress as tfc
from tfcompress.api import usual_techniques
from tfcompress.backend.tensorflow import keras as tf_keras
from tfcompress.backend.tensorflow import tf
from tfcompress.layers.twins import keras3

RNG = np.random.default_rng(0)
X = RNG.normal(size=(320, 6)).astype("float32")
Y = (X[:, :1] * 2 + X[:, 1:2] ** 2).astype("float32")
TEST = slice(256, None)


def pinball(targets, outputs):
    """A loss of one's own."""
    difference = targets - outputs
    return tf.reduce_mean(tf.maximum(0.7 * difference, -0.3 * difference), axis=-1)


def worst(targets, outputs):
    """A metric of one's own, over the whole split: no mean over batches gives it."""
    return float(abs(targets - outputs).max())


@pytest.fixture(scope="module")
def model():
    keras = keras3()
    keras.utils.set_random_seed(1)
    made = keras.Sequential(
        [
            keras.Input((6,), name="x"),
            keras.layers.Dense(32, "relu", name="a"),
            keras.layers.Dense(16, "relu", name="b"),
            keras.layers.Dense(1, name="y"),
        ]
    )
    made.compile(keras.optimizers.Adam(0.01), pinball)
    made.fit(X[:256], Y[:256], epochs=40, batch_size=32, verbose=0)
    return made


@pytest.fixture(scope="module")
def data():
    splits = (tf.data.Dataset.from_tensor_slices((X[part], Y[part])) for part in (slice(256), TEST))
    return tfc.dataset(*(split.batch(32) for split in splits))


@pytest.fixture(scope="module")
def small(model, data):
    techniques = [tfc.PruneChannels(0.5), tfc.QuantizeAware()]
    task = tfc.Task(loss=pinball, metrics=[tfc.Metric("worst", worst, higher_is_better=False)])
    return tfc.compress(model, data, techniques, epochs=2, task=task, distil=True, checks=[tfc.CpuXnnpack()], verbose=0)


def predictions(path):
    interpreter = Interpreter(str(path))
    runner = interpreter.get_signature_runner()
    (given,), (made,) = runner.get_input_details().values(), runner.get_output_details().values()
    rows = []
    for x in X[TEST]:
        (scale, zero), dtype = given["quantization"], given["dtype"]
        stored = np.clip(np.round(x / scale) + zero, -128, 127) if scale else x
        (row,) = runner(x=stored[None].astype(dtype)).values()
        rows.append((row.astype("float32") - made["quantization"][1]) * made["quantization"][0] if scale else row)
    return np.concatenate(rows)


def test_the_report_has_the_users_metric_as_a_plain_loop_finds_it(small):
    assert small.report.verdict == "pass"
    assert list(small.files) == ["original float32", "quantize_aware int8"]
    for file in small.report.files:
        finding = next(iter(file.findings.values()))
        found = worst(Y[TEST], predictions(small.files[file.variant]))
        assert finding.metrics == {"worst": pytest.approx(found, rel=1e-4)}
    assert "worst, TFLite" in str(small.report)


def test_the_model_is_smaller_and_gives_what_its_file_gives(small, model):
    assert small.model.count_params() < model.count_params()
    np.testing.assert_allclose(small.model(X[TEST]).numpy(), predictions(small.files["quantize_aware int8"]), atol=0.2)


def test_what_is_saved_is_whole(small, tmp_path):
    folder = small.save(tmp_path / "mine")
    assert sorted(path.name for path in folder.iterdir()) == [
        "card.md",
        "model-original-float32.tflite",
        "model-quantize_aware-int8.tflite",
        "model.keras",
        "report.html",
        "report.json",
        "report.md",
    ]
    assert json.loads((folder / "report.json").read_text())["verdict"] == "pass"
    tfc.load_model(folder / "model.keras")


def test_a_second_call_goes_on_where_the_first_ended(model, tmp_path, capsys):
    data = tfc.dataset((X[:256], Y[:256]), (X[TEST], Y[TEST]))
    given = {"task": tfc.Regression(), "out": tmp_path, "checks": [], "exports": [tfc.Float32()]}
    first = tfc.compress(model, data, [tfc.PruneLowMagnitude(0.5)], **given)
    capsys.readouterr()
    second = tfc.compress(model, data, [tfc.PruneLowMagnitude(0.5)], **given)
    said = capsys.readouterr().err
    assert "original: finished by an earlier run" in said
    assert [file.sha256 for file in second.report.files] == [file.sha256 for file in first.report.files]


def test_a_function_of_ones_own_trains(model, data):
    steps = []

    def train(student, callbacks):
        student.compile("sgd", "mse")
        counting = tf_keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: steps.append(batch))
        student.fit(X[:64], Y[:64], batch_size=32, epochs=2, verbose=0, callbacks=[*callbacks, counting])

    found = tfc.compress(
        model,
        data,
        [tfc.PruneLowMagnitude(0.5)],
        fit=tfc.fit(train, steps=4),
        task=tfc.Regression(),
        checks=[],
        exports=[tfc.Float32()],
        verbose=0,
    )
    assert len(steps) == 4
    assert found.report.stages[1].measurement.sparsity == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"data": (X, Y)}, "compress.data must be a training and a test split. Received: a tuple"),
        ({"fit": lambda model, callbacks: None}, "compress.fit must be a Fit. Received: <lambda>.*tfc.fit"),
        ({"epochs": 0}, "KerasFit.epochs must be at least 1"),
        ({"data": tfc.dataset((X[:, :5], Y), (X, Y))}, r"inputs must fit the model's 'x' of shape \(N, 6\)"),
        ({"data": tfc.dataset((X, Y[:, [0, 0]]), (X, Y))}, r"targets of output 'y' must have its outputs' shape"),
        ({"teacher": "nowhere.keras"}, "nowhere.keras"),
        ({"techniques": tfc.PruneLowMagnitude(0.5)}, r"compress.techniques must be a list.*PruneLowMagnitude\("),
        ({"techniques": [tfc.QuantizeAware]}, "compress.techniques must be a list.*class"),
        ({"exports": tfc.Int8()}, "compress.exports must be a list of Exporters. Received: Int8"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_trained(model, data, change, line):
    given = {"data": data, "task": tfc.Regression(), "verbose": 0, "techniques": [tfc.PruneLowMagnitude(0.5)]}
    with pytest.raises(tfc.TfcompressError, match=line):
        tfc.compress(model, **{**given, **change})


def test_the_usual_techniques_keep_what_those_before_them_made():
    names = [type(technique).__name__ for technique in usual_techniques(0.3, 0.5, 16, True)]
    assert names == ["PruneChannels", "PruneLowMagnitude", "Cluster", "QuantizeAware"]
