"""DTLN's first half, noise suppression frame by frame: LSTMs with states as inputs and outputs, export and checks.

Its own .tflite is beside its weights: what we export must compute the same.
"""

from pathlib import Path

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, tf
from tfcompress.core.tasks.metrics import closeness
from tfcompress.measuring import tflite
from tfcompress.measuring.file_run import FileRun

FOLDER = Path(__file__).parents[2] / "shared" / "models" / "dtln"
BINS, UNITS, LAYERS = 257, 128, 2
NUM_FRAMES = 60


def build():
    """As breizhn/DTLN builds it for its TFLite files (DTLN_model.py, create_tf_lite_model)."""
    frame = keras.Input(batch_shape=(1, 1, BINS), name="frame")
    states = keras.Input(batch_shape=(1, LAYERS, UNITS, 2), name="states")
    x, kept = frame, []
    for number in range(LAYERS):
        before = [states[:, number, :, 0], states[:, number, :, 1]]
        layer = keras.layers.LSTM(UNITS, return_sequences=True, unroll=True, return_state=True, name=f"lstm_{number}")
        x, *after = layer(x, initial_state=before)
        kept.append(tf.stack(after, -1))
    mask = keras.layers.Dense(BINS, activation="sigmoid", name="mask")(x)
    new_states = keras.layers.Lambda(lambda each: each, name="new_states")(tf.stack(kept, 1))
    return keras.Model([frame, states], [mask, new_states])


def weights(path):
    import h5py

    with h5py.File(path) as file:

        def of(layer, *names):
            return [np.array(file[f"{layer}/{layer}/{name}:0"]) for name in names]

        lstm = ("kernel", "recurrent_kernel", "bias")
        return [*of("lstm", *lstm), *of("lstm_1", *lstm), *of("dense", "kernel", "bias")]


@pytest.fixture(scope="module")
def dtln():
    if not (FOLDER / "model.h5").exists():
        pytest.skip(f"not run: {FOLDER / 'model.h5'} is not there")
    model = build()
    model.set_weights(weights(FOLDER / "model.h5"))
    return model


@pytest.fixture(scope="module")
def stream(dtln):
    """Frames of noise as loud as speech, which swells and fades, with the states that the model has come to."""
    rng = np.random.default_rng(0)
    loudness = np.abs(np.sin(np.arange(NUM_FRAMES) / 9))[:, None]
    frames = (np.abs(np.fft.rfft(rng.normal(size=(NUM_FRAMES, 512)) / 20)) * loudness)[:, None].astype("float32")
    step = tf.function(lambda frame, states: dtln([frame, states], training=False))
    states, given = tf.zeros((1, LAYERS, UNITS, 2)), []
    for frame in frames:
        given.append(states.numpy()[0])
        _, states = step(tf.constant(frame[None]), states)
    return {"frame": frames, "states": np.stack(given)}


@pytest.fixture(scope="module")
def data(dtln, stream):
    step = tf.function(lambda frame, states: dtln([frame, states], training=False))
    pairs = [
        step(tf.constant(frame[None]), tf.constant(states[None]))
        for frame, states in zip(stream["frame"], stream["states"], strict=True)
    ]
    targets = [np.concatenate([pair[number].numpy() for pair in pairs]) for number in (0, 1)]
    targets = {"mask": targets[0], "new_states": targets[1]}
    task = tfc.ByOutput(tasks={name: tfc.Regression() for name in targets})
    return tfc.dataset((stream, targets), (stream, targets), task=task)


def test_its_float_file_is_their_file(dtln, data, stream, tmp_path):
    artifact = tfc.Float32().convert(dtln, data, tmp_path / "dtln.tflite")
    theirs = (FOLDER / "model_1.tflite").read_bytes()
    ours = FileRun(artifact.path.read_bytes()).outputs(stream)
    expected = FileRun(theirs).outputs({"input_2": stream["frame"], "input_3": stream["states"]})
    for found, wanted in zip(ours.values(), expected.values(), strict=True):
        assert closeness(wanted, found).sqnr_db > 100


def test_its_states_handed_on_by_an_app_stay_the_models(dtln, data, stream, tmp_path):
    content = tfc.Float32().convert(dtln, data, tmp_path / "dtln.tflite").path.read_bytes()
    (mask,) = FileRun(content, states=[("states", "new_states")]).outputs({"frame": stream["frame"]}).values()
    assert closeness(data.test.targets["mask"], mask).sqnr_db > 100


@pytest.mark.parametrize(
    ("exporter", "check"),
    [
        (tfc.Float32(), tfc.CpuCompiledModel()),
        (tfc.DynamicRange(), tfc.CpuXnnpack()),
        (tfc.Int16x8(num_representative=32), tfc.CpuCompiledModel()),
    ],
    ids=lambda value: getattr(value, "mode", getattr(value, "name", value)),
)
def test_it_passes_the_checks(dtln, data, exporter, check, tmp_path):
    artifact = exporter.convert(dtln, data, tmp_path / "dtln.tflite")
    found = check.run(artifact, data, {"keras": data.test.targets})
    assert (found.status, found.reason) == ("pass", "")
    assert found.agreement["keras"]["mask"].sqnr_db > 20
    assert set(tflite.read(artifact.path).inputs) == {"frame", "states"}


def test_int8_is_refused_where_its_states_are_read(dtln, data, tmp_path):
    """Its states h, within 1, and c, up to 56, are one tensor with one scale: eight bits leave nothing of h."""
    with pytest.raises(tfc.ConversionFailed, match=r"output 'mask' has an SQNR of .* layer 'tf.__operators__.getitem"):
        tfc.Int8(num_representative=32).convert(dtln, data, tmp_path / "dtln.tflite")
