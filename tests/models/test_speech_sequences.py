"""Spectrograms as sequences: what the networks refuse, that order counts, and a GRU through the chain to its file."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import set_seed
from tfcompress.export.sounds.joining import joined
from tfcompress.export.sounds.mel_network import mel_network
from tfcompress.measuring.file_run import FileRun
from tfcompress.measuring.measure import measure
from tfcompress.measuring.tflite import read

SHAPE = (16, 8, 1)
BUILDERS = [tfc.speech_conv1d, tfc.speech_gru]


@pytest.fixture(scope="module")
def spectrograms():
    draw = np.random.default_rng(0)
    labels = np.arange(64) % 2
    inputs = draw.normal(0, 0.2, (64, *SHAPE)).astype("float32")
    inputs[labels == 1, 8:] += 0.5  # the second half is loud
    inputs[labels == 0, :8] += 0.5
    return tfc.dataset((inputs, labels), (inputs, labels), task=tfc.Classification())


@pytest.mark.parametrize("build", BUILDERS)
@pytest.mark.parametrize("given", [{"width": 0}, {"num_blocks": 0}])
def test_a_number_below_one_is_refused(build, given):
    (name,) = given
    name = "num_layers" if build is tfc.speech_gru and name != "width" else name
    with pytest.raises(tfc.InvalidValue, match=f"{build.__name__}.{name} must be at least 1. Received: 0"):
        build(SHAPE, 2, **{name: 0})


@pytest.mark.parametrize("build", BUILDERS)
def test_the_order_of_frames_counts(build, spectrograms):
    set_seed(0)
    model = build(SHAPE, 2, 8)
    inputs = spectrograms.test.inputs[:4]
    assert np.abs(model(inputs) - model(inputs[:, ::-1])).max() > 1e-3


@pytest.mark.parametrize(
    ("build", "last", "setting"), [(tfc.speech_conv1d, "block3", "filters"), (tfc.speech_gru, "gru1", "units")]
)
def test_channels_and_units_go(build, last, setting):
    set_seed(0)
    model = build(SHAPE, 2, 8)
    smaller = tfc.remove_channels(model, {"stem": [0, 1, 2, 3], last: [4, 5, 6, 7]})
    assert smaller.get_layer(last).get_config()[setting] == 4
    assert measure(smaller).num_macs < 0.6 * measure(model).num_macs


@pytest.mark.slow
def test_a_gru_in_a_file_that_takes_sound_is_still_a_loop(spectrograms, tmp_path):
    """The DFT is joined with a file of three graphs: the loop's condition and body keep their own."""
    features = tfc.LogMel(8000, 0.25)
    clips = np.random.default_rng(0).uniform(-0.5, 0.5, (8, features.num_samples)).astype("float32")
    shape = features.features(clips).shape[1:]
    set_seed(0)
    body = tfc.Float32().convert(tfc.speech_gru(shape, 2, 4), None, tmp_path / "body.tflite").path.read_bytes()
    front = tfc.Float32().convert(mel_network(features), None, tmp_path / "front.tflite").path.read_bytes()
    (tmp_path / "whole.tflite").write_bytes(joined(front, body))
    assert "WHILE" in read(tmp_path / "whole.tflite").ops
    (ours,) = FileRun(joined(front, body)).outputs({"sound": clips}).values()
    (theirs,) = FileRun(body).outputs({"spectrogram": features.features(clips)}).values()
    np.testing.assert_allclose(ours, theirs, atol=1e-3)
    assert np.abs(theirs - theirs.mean(axis=0)).max() > 1e-2


@pytest.mark.slow
def test_a_gru_goes_through_the_chain(spectrograms, tmp_path):
    set_seed(0)
    fit = tfc.KerasFit(spectrograms, 12, 16, 0.01, optimizer="adam")
    model = tfc.Train().apply(tfc.speech_gru(SHAPE, 2, 8), fit)
    half = tfc.PruneChannels(target=tfc.MacsTarget(at_most=0.5), round_to=1).apply(model, fit)
    assert measure(half).num_macs <= 0.5 * measure(model).num_macs
    aware = tfc.QuantizeAware().apply(half, fit)
    assert measure(aware).num_macs == measure(half).num_macs
    artifact = tfc.Int8().convert(aware, spectrograms, tmp_path / "file.tflite")
    assert "WHILE" in read(artifact.path).ops
    outputs = aware.predict(spectrograms.test.inputs, verbose=0)
    for check in (tfc.CpuXnnpack(), tfc.CpuBuiltin(), tfc.CpuReference()):
        found = check.run(artifact, spectrograms, {"keras": outputs})
        assert found.status == "pass" and found.metrics["accuracy"] > 0.9, found.reason
