"""The scan over bits on a small trained network, what it tells of it, and its cache."""

import json

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.models_io.copying import copy_model
from tfcompress.quantization import bit_sensitivity as sensitivity
from tfcompress.quantization.bit_sensitivity import LayerAtBits, QuantizationSensitivity, quantization_scan
from tfcompress.quantization.quantizers.quantizer import error


def point(layer, bits, divergence, loss=0.3, accuracy=0.9, size=100, sqnr_db=20.0):
    return LayerAtBits(layer, "Dense", bits, size, 20.0, 0.99, 20.0, 0.99, sqnr_db, 0.95, divergence, accuracy, loss)


FOUND = QuantizationSensitivity(
    0.95,
    0.2,
    (point("a", 4, 0.1, loss=0.15), point("a", 8, 0.0), point("b", 4, 0.4, loss=0.5, accuracy=0.7), point("b", 8, 0.2)),
    num_examples=1000,
)


def test_costs_are_a_divergence_a_rise_of_the_loss_or_noise():
    assert FOUND.sensitivities() == {("a", 4): 0.1, ("a", 8): 0.0, ("b", 4): 0.4, ("b", 8): 0.2}
    # From 0.2: a fall counts as none.
    assert FOUND.sensitivities("loss")["a", 4] == 0.0
    assert FOUND.sensitivities("loss")["b", 4] == pytest.approx(0.3)
    assert FOUND.sensitivities("noise")["a", 4] == pytest.approx(0.01)  # 20 dB
    with pytest.raises(tfc.InvalidValue, match=r"QuantizationSensitivity.by must be one of .*Received: 'luck'"):
        FOUND.sensitivities("luck")


def test_the_table_has_the_most_sensitive_layer_first():
    lines = FOUND.table().splitlines()
    assert lines[0].split() == ["layer", "weights", "4", "bits", "8", "bits"]
    assert lines[1].split() == ["b", "100", "70.00%", "90.00%"]
    assert lines[2].split() == ["a", "100", "90.00%", "90.00%"]
    assert lines[3].startswith("accuracy on 1,000 training examples; accuracy 95.00%")
    assert FOUND.table("divergence").splitlines()[1].split() == ["b", "100", "0.4", "0.2"]
    with pytest.raises(tfc.InvalidValue, match="QuantizationSensitivity.of must be one of"):
        FOUND.table("colour")


def test_the_plot_is_a_picture(tmp_path):
    FOUND.plot(tmp_path / "bits.png")
    assert (tmp_path / "bits.png").read_bytes().startswith(b"\x89PNG")


def accuracy_of(model, data):
    outputs = model(data.model_inputs(data.train.inputs)).numpy()
    return float((outputs.argmax(-1) == data.train.targets).mean())


def test_a_scan_measures_what_quantizing_by_hand_gives(trained):
    data = tfc.Digits(num_examples=128)
    before = [weight.copy() for weight in trained.get_weights()]
    found = quantization_scan(trained, data, bits=(2, 8), num_examples=128)
    names = [layer.name for layer in trained.layers if hasattr(layer, "kernel")]
    assert list(found.layers) == names
    assert found.metric == pytest.approx(accuracy_of(trained, data))
    others = dict.fromkeys(set(names) - {"conv2"})
    model = tfc.QuantizeKernels(tfc.Affine(bits=2), per_layer=others).apply(trained)
    (seen,) = [each for each in found.points if (each.layer, each.bits) == ("conv2", 2)]
    assert seen.metric == pytest.approx(accuracy_of(model, data))
    kernels = [each.get_layer("conv2").kernel.numpy() for each in (trained, model)]
    assert (seen.num_weights, seen.kind) == (kernels[0].size, "Conv2D")
    assert seen.kernel_sqnr_db == pytest.approx(error(*kernels).sqnr_db)
    assert seen.kernel_cosine == pytest.approx(error(*kernels).cosine)
    outputs = [each(data.model_inputs(data.train.inputs)).numpy() for each in (trained, model)]
    assert seen.predictions_sqnr_db == pytest.approx(error(*outputs).sqnr_db, abs=1e-3)
    assert all(np.array_equal(old, new) for old, new in zip(before, trained.get_weights(), strict=True))


def test_each_bit_takes_about_six_decibels_of_noise_away(trained):
    found = quantization_scan(trained, tfc.Digits(num_examples=64), bits=(4, 8))
    by_bits = {bits: [each.kernel_sqnr_db for each in found.points if each.bits == bits] for bits in (4, 8)}
    gains = np.subtract(by_bits[8], by_bits[4])
    # 20 log10(127 / 7) = 25.2 dB: the step is max |w| / 127 instead of / 7, and the noise its square over 12.
    np.testing.assert_allclose(gains, 25.2, atol=2.5)


def test_outputs_in_few_bits_hurt_too(trained):
    data = tfc.Digits(num_examples=64)
    kernels = quantization_scan(trained, data, bits=(8,))
    outputs = quantization_scan(trained, data, bits=(8,), activation_bits=3)
    for before, now in zip(kernels.points, outputs.points, strict=True):
        assert now.predictions_sqnr_db < before.predictions_sqnr_db - 5
        assert now.kernel_sqnr_db == before.kernel_sqnr_db


def test_a_scan_that_was_killed_goes_on_where_it_was(trained, tmp_path, monkeypatch):
    data = tfc.Digits(num_examples=64)
    compare, done = sensitivity.compare_outputs, []

    def killed(*arguments):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(1)
        return compare(*arguments)

    monkeypatch.setattr(sensitivity, "compare_outputs", killed)
    with pytest.raises(KeyboardInterrupt):
        quantization_scan(trained, data, bits=(4, 8), cache=tmp_path)
    (file,) = tmp_path.iterdir()
    assert len([json.loads(line) for line in file.read_text().splitlines()]) == 3

    monkeypatch.setattr(sensitivity, "compare_outputs", lambda *arguments: done.append(1) or compare(*arguments))
    resumed = quantization_scan(trained, data, bits=(4, 8), cache=tmp_path)
    assert len(done) == 8 + 1  # and the float model against itself
    assert resumed == quantization_scan(trained, data, bits=(4, 8))
    done.clear()
    quantization_scan(trained, data, bits=(4, 5), cache=tmp_path)
    assert len(done) == 4 + 1  # 5 bits of four layers are new
    other = copy_model(trained)
    other.get_layer("logits").bias.assign_add(np.ones(10))
    quantization_scan(other, data, bits=(4,), cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"bits": ()}, "bits"),
        ({"bits": (1, 8)}, "bits"),
        ({"num_examples": 0}, "num_examples"),
        ({"quantizer": tfc.Codebook(16)}, "quantizer"),
        ({"activation_bits": 1}, "activation_bits"),
    ],
)
def test_bad_values_are_named(settings, name):
    with pytest.raises(tfc.InvalidValue, match=f"quantization_scan.{name}"):
        quantization_scan(None, tfc.Digits(), **settings)


def test_a_regressor_is_scanned_by_its_own_error_and_loss():
    random = np.random.default_rng(0)
    x = random.normal(size=(64, 4)).astype("float32")
    y = x @ np.array([[1.0], [-2.0], [3.0], [0.5]], "float32")
    model = keras.Sequential([keras.layers.Dense(1, input_shape=(4,), name="answer")])
    model.set_weights([np.array([[1.1], [-2.0], [3.0], [0.5]], "float32"), np.zeros(1, "float32")])
    data = tfc.dataset((x, y), (x, y), task=tfc.Regression())
    found = quantization_scan(model, data, bits=(4, 8))
    error = model.predict(x, verbose=0) - y
    assert found.metric == pytest.approx(float(np.abs(error).mean()), rel=1e-5)
    assert found.loss == pytest.approx(float(np.square(error).mean()), rel=1e-5)
    cost = found.sensitivities()
    assert cost["answer", 4] > cost["answer", 8] > 0
    assert "MAE" in found.table() and tfc.allocate_bits(found, 100, bits=(4, 8)).per_layer
