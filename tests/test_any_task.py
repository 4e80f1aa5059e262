"""What once went wrong where a model was no classifier of one input in memory: each fault, with the right value."""

import logging

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, tf
from tfcompress.measuring.evaluation import bound, evaluate, predict, targets_of

L = keras.layers
RNG = np.random.default_rng(0)
N = 96
X = RNG.normal(size=(N, 6)).astype("float32")
PIXELS = RNG.normal(size=(N, 8, 8, 1)).astype("float32")


def model_of(shape, *layers):
    keras.utils.set_random_seed(2)
    return keras.Sequential([keras.Input(shape, name="x"), *layers])


def metrics_of(model, data):
    task = bound(data.task, model)
    return evaluate(task, predict(model, data, data.test), targets_of(data, task))


def data_of(inputs, targets, task):
    return tfc.dataset((inputs, targets), (inputs, targets), task=task)


def test_a_sigmoid_classifier_is_judged_by_its_threshold():
    labels = RNG.integers(0, 2, N)
    model = model_of((6,), L.Dense(1, "sigmoid"))
    found = metrics_of(model, data_of(X, labels, tfc.Classification()))
    assert found == {"accuracy": ((model(X).numpy()[:, 0] > 0.5) == labels).mean()}


def test_labels_in_a_column_are_not_broadcast():
    labels = RNG.integers(0, 4, N)
    model = model_of((6,), L.Dense(4))
    wanted = {"accuracy": (model(X).numpy().argmax(-1) == labels).mean()}
    for form in (labels, labels[:, None], np.eye(4)[labels]):
        assert metrics_of(model, data_of(X, form, tfc.Classification())) == wanted


def test_a_scan_of_a_segmentation_gives_shares(caplog):
    masks = (PIXELS[..., 0] > 0.3).astype("uint8")
    model = model_of((8, 8, 1), L.Conv2D(16, 3, padding="same", activation="relu"), L.Conv2D(1, 1))
    data = data_of(PIXELS, masks, tfc.Segmentation())
    found = tfc.scan(model, data, sparsities=(0.5,), num_examples=32)
    assert found.kind.name == "mean IoU"
    assert all(0 <= point.metric <= 1 for point in found.points)
    with caplog.at_level(logging.INFO, "tfcompress"):
        tfc.PruneChannels(0.5, num_examples=32).apply(model, tfc.KerasFit(data, epochs=1, batch_size=32))
    (share,) = [word for word in caplog.text.split() if word.rstrip(".").endswith("%")]
    assert 0 <= float(share.rstrip(".%")) <= 100
    assert "Mean IoU" in caplog.text


def test_targets_that_are_numbers_are_no_classes(tmp_path, caplog):
    targets = RNG.integers(-5, 5, N)
    model = model_of((6,), L.Dense(8, "relu"), L.Dense(1))
    with caplog.at_level(logging.INFO, "tfcompress"):
        tfc.Int8().convert(model, data_of(X, targets, tfc.Regression()), tmp_path / "x.tflite")
    assert "class" not in caplog.text


@pytest.fixture(scope="module")
def two_heads():
    keras.utils.set_random_seed(2)
    x = keras.Input((6,), name="x")
    hidden = L.Dense(16, "relu", name="hidden")(x)
    return keras.Model(x, [L.Dense(1, name="price")(hidden), L.Dense(3, name="kind")(hidden)])


def of_two_heads():
    kinds = (X[:, 0] > 0).astype("int64") + (X[:, 1] > 0)
    task = tfc.ByOutput(tasks={"price": tfc.Regression(), "kind": tfc.Classification()})
    return data_of(X, {"price": X[:, 2], "kind": kinds}, task)


def test_each_head_learns_its_own_targets_and_is_measured(two_heads):
    data = of_two_heads()
    trained = tfc.Train().apply(two_heads, tfc.KerasFit(data, epochs=60, batch_size=32, learning_rate=0.05))
    found = metrics_of(trained, data)
    assert list(found) == ["price MAE", "price RMSE", "price R2", "kind accuracy"]
    assert found["price R2"] > 0.9
    assert found["kind accuracy"] > 0.9


def test_two_inputs_are_exported_and_checked(tmp_path):
    a, b = keras.Input((6,), name="table"), keras.Input((8, 8, 1), name="picture")
    joined = L.Concatenate()([a, L.Flatten()(L.Conv2D(4, 3, activation="relu")(b))])
    model = keras.Model([a, b], L.Dense(3, name="out")(joined))
    data = data_of({"picture": PIXELS, "table": X}, RNG.integers(0, 3, N), tfc.Classification())
    artifact = tfc.Int8().convert(model, data, tmp_path / "two.tflite")
    against = {"keras": predict(model, data, data.test)}
    found = tfc.CpuXnnpack().run(artifact, data, against)
    assert found.status == "pass", found
    assert found.agreement["keras"]["out"].sqnr_db > 20


@pytest.mark.parametrize("dtype", ["int32", "uint8"])
def test_whole_numbers_stay_what_they_are(dtype):
    tokens = RNG.integers(0, 9, (N, 5)).astype(dtype)
    data = data_of(tokens, RNG.integers(0, 2, N), tfc.Classification())
    assert data.model_inputs(data.train.batch([0, 1])[0]).dtype == dtype


def test_a_loss_that_cannot_teach_an_output_is_refused():
    model = model_of((6,), L.Dense(1, name="y"))
    data = data_of(X, X[:, :1], tfc.Regression())
    fit = tfc.distilled(tfc.KerasFit(data, epochs=1), teacher=model, loss=tfc.SoftTargets())
    with pytest.raises(tfc.InvalidValue, match="SoftTargets"):
        tfc.Train().apply(model, fit)


@pytest.mark.parametrize("form", ["arrays", "tf.data", "function"])
def test_fits_take_what_a_keras_user_has(form):
    targets = (X[:, :1] > 0).astype("float32")
    model = model_of((6,), L.Dense(1, "sigmoid"))
    batches = tf.data.Dataset.from_tensor_slices((X, targets)).batch(32)

    def train(student, callbacks):
        student.compile("sgd", "binary_crossentropy")
        student.fit(batches, epochs=1, verbose=0, callbacks=callbacks)

    fit = {
        "arrays": lambda: tfc.KerasFit((X, targets), epochs=1, task=tfc.Classification()),
        "tf.data": lambda: tfc.KerasFit(batches, epochs=1, loss="binary_crossentropy", task=tfc.Classification()),
        "function": lambda: tfc.fit(train, steps=3),
    }[form]()
    trained = tfc.Train().apply(model, fit)
    assert (trained.get_weights()[0] != model.get_weights()[0]).any()


def test_exporters_take_arrays_and_a_path_as_text(tmp_path):
    model = model_of((6,), L.Dense(3))
    artifact = tfc.Int8().convert(model, X, f"{tmp_path}/small.tflite")
    assert artifact.path.stat().st_size == artifact.raw_bytes


def test_lengths_that_a_model_leaves_open_are_those_of_the_data(tmp_path):
    model = model_of((None, None, 1), L.Conv2D(4, 3, activation="relu"), L.GlobalAveragePooling2D(), L.Dense(2))
    data = data_of(PIXELS, RNG.integers(0, 2, N), tfc.Classification())
    for exporter in (tfc.Float32(), tfc.Int8()):
        artifact = exporter.convert(model, data, tmp_path / f"{exporter.mode}.tflite")
        found = tfc.CpuXnnpack().run(artifact, data, {"keras": predict(model, data, data.test)})
        assert found.status == "pass", found


def test_a_function_that_ignores_its_callbacks_is_found_out():
    fit = tfc.fit(lambda model, callbacks: None, steps=3)
    with pytest.raises(tfc.NothingHappened, match="must call model.fit with the callbacks"):
        tfc.Train().apply(model_of((6,), L.Dense(1)), fit)
    with pytest.raises(tfc.InvalidValue, match="must take the model and a list of Keras callbacks"):
        tfc.fit(lambda model: None, steps=3)
