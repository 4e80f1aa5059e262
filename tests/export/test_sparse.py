"""The smaller of two encodings, on a model with zeros and on one without."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.export.sparse import Encoding, Smallest, encodings
from tfcompress.measuring.tflite import read
from tfcompress.models_io.copying import copy_model


@pytest.fixture(scope="module")
def mostly_zeros(trained):
    model = copy_model(trained)
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            kernel = layer.kernel.numpy()
            layer.kernel.assign(np.where(np.abs(kernel) > np.quantile(np.abs(kernel), 0.9), kernel, 0))
    return model


def test_of_a_sparse_model_the_encoded_file_is_smaller_and_answers_alike(mostly_zeros, export, seen):
    plain, plain_file = export(mostly_zeros, tfc.Float32())
    smallest, file = export(mostly_zeros, Smallest())
    assert smallest.raw_bytes < 0.5 * plain.raw_bytes
    assert smallest.raw_bytes == smallest.path.stat().st_size
    assert "DENSIFY" in read(smallest.path).ops
    np.testing.assert_allclose(file.answers(seen[:16]), plain_file.answers(seen[:16]), atol=1e-5)


def test_of_a_dense_model_the_plain_file_is_taken(trained, export):
    plain, _ = export(trained, tfc.Float32())
    smallest, _ = export(trained, Smallest())
    assert (smallest.sha256, smallest.mode) == (plain.sha256, "float32_smallest")


def test_a_file_that_does_not_load_everywhere_is_not_taken(mostly_zeros, digits, tmp_path, monkeypatch):
    refusal = "BUILTIN: failed to delegate CONV_2D"
    monkeypatch.setattr("tfcompress.export.sparse._trial", lambda plain, sparse: refusal)
    artifact = Smallest().convert(mostly_zeros, digits, tmp_path / "model.tflite")
    assert "DENSIFY" not in read(artifact.path).ops
    plain, sparse = encodings(artifact.path, tmp_path / "sparse.tflite")
    assert (plain, sparse.refused) == (Encoding("plain", artifact.raw_bytes, artifact.zipped_bytes), refusal)
    assert sparse.raw_bytes < plain.raw_bytes


def test_the_trial_says_of_a_file_that_no_runtime_reads_what_is_wrong(mostly_zeros, digits, tmp_path):
    from tfcompress.export.sparse import _trial

    plain = tfc.Float32().convert(mostly_zeros, digits, tmp_path / "plain.tflite").path
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(plain.read_bytes()[:200])
    assert _trial(plain, damaged) != ""
    other = tfc.Float32().convert(copy_and_move(mostly_zeros), digits, tmp_path / "other.tflite").path
    assert "outputs differ" in _trial(plain, other)


def test_a_trial_that_does_not_end_is_killed_and_said(tmp_path, monkeypatch):
    from tfcompress.export import sparse

    monkeypatch.setattr(sparse, "_TRIAL", "import time; time.sleep(60)")
    monkeypatch.setattr(sparse, "TIME_LIMIT_S", 0.5)
    assert sparse._trial(tmp_path / "plain", tmp_path / "sparse") == "did not finish within 0.5 s"
    monkeypatch.setattr(sparse, "_TRIAL", "import os; os.abort()")
    monkeypatch.setattr(sparse, "TIME_LIMIT_S", 60)
    assert sparse._trial(tmp_path / "plain", tmp_path / "sparse") == "crashed with SIGABRT (signal 6)"


def copy_and_move(model):
    moved = copy_model(model)
    moved.get_layer("logits").bias.assign_add(np.ones(10) * 100)
    return moved


@pytest.mark.parametrize(("settings", "field"), [({"exporter": "float32"}, "exporter"), ({"by": "bytes"}, "by")])
def test_bad_values_name_their_field(settings, field):
    with pytest.raises(tfc.InvalidValue, match=f"Smallest.{field}"):
        Smallest(**settings)
