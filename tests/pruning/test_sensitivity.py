"""The scan on a small trained network, its cache, and ratios worked by hand."""

import json

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.models_io.copying import copy_model
from tfcompress.pruning import sensitivity
from tfcompress.pruning.sensitivity import Point, Sensitivity, scan

# Two layers; the loss of `a` rises by 0.1 at a half and by 0.3 at three quarters, that of `b` by 0.4 and then falls.
POINTS = (
    *(Point("a", 0.5, 100, 0.9, 0.2), Point("a", 0.75, 100, 0.8, 0.4)),
    *(Point("b", 0.5, 300, 0.7, 0.5), Point("b", 0.75, 300, 0.7, 0.45)),
)
FOUND = Sensitivity(0.95, 0.1, POINTS, num_examples=1000)


def test_ratios_are_those_at_which_each_layer_alone_raises_the_loss_by_the_budget():
    # a: from 0.1 at 50 % to 0.3 at 75 %, so 0.2 at 62.5 %. b: straight from 0 to 0.4 at 50 %, so 0.2 at 25 %.
    assert FOUND.per_layer(0.2) == pytest.approx({"a": 0.625, "b": 0.25})
    assert FOUND.per_layer(0.0) == pytest.approx({"a": 0.0, "b": 0.0})
    assert FOUND.per_layer(0.41) == {"a": 0.75, "b": 0.75}  # the loss of b is not taken to fall


def test_ratios_for_an_overall_sparsity_share_one_budget():
    # Budget 0.2 gives (0.625 * 100 + 0.25 * 300) / 400 = 0.34375.
    assert FOUND.for_sparsity(0.34375) == pytest.approx({"a": 0.625, "b": 0.25}, abs=1e-6)
    flat = Sensitivity(0.9, 0.1, (Point("a", 0.9, 10, 0.9, 0.1),), num_examples=1)
    assert flat.for_sparsity(0.3) == pytest.approx({"a": 0.3})  # the loss does not rise: any budget would do
    with pytest.raises(tfc.InvalidValue, match=r"must be in \(0, 0.75\], what was measured"):
        FOUND.for_sparsity(0.9)


def test_the_table_has_the_most_sensitive_layer_first():
    lines = FOUND.table().splitlines()
    assert lines[0].split() == ["layer", "weights", "50%", "75%"]
    assert lines[1].split() == ["b", "300", "70.00%", "70.00%"]
    assert lines[2].split() == ["a", "100", "90.00%", "80.00%"]
    assert lines[3].startswith("accuracy of 1,000 training examples; 95.00%")


def test_the_plot_is_a_picture(tmp_path):
    FOUND.plot(tmp_path / "sensitivity.png")
    assert (tmp_path / "sensitivity.png").read_bytes().startswith(b"\x89PNG")


def accuracy_of(model, data, num_examples):
    outputs = model(data.model_inputs(data.train.inputs[:num_examples])).numpy()
    return float((outputs.argmax(-1) == data.train.targets[:num_examples]).mean())


def test_a_scan_measures_what_pruning_by_hand_gives(trained):
    data = tfc.Digits(num_examples=128)
    before = [weight.copy() for weight in trained.get_weights()]
    found = scan(trained, data, sparsities=(0.9, 0.5), num_examples=128)
    assert list(found.layers) == [layer.name for layer in trained.layers if hasattr(layer, "kernel")]
    assert found.metric == pytest.approx(accuracy_of(trained, data, 128))
    model = copy_model(trained)
    kernel = model.get_layer("conv2").kernel
    values = kernel.numpy()
    kernel.assign(np.where(np.abs(values) > np.quantile(np.abs(values), 0.9), values, 0))
    (point,) = [point for point in found.points if (point.layer, point.sparsity) == ("conv2", 0.9)]
    assert point.num_weights == values.size
    assert point.metric == pytest.approx(accuracy_of(model, data, 128))
    assert all(np.array_equal(old, new) for old, new in zip(before, trained.get_weights(), strict=True))


def test_a_scan_that_was_killed_goes_on_where_it_was(trained, tmp_path, monkeypatch):
    data = tfc.Digits(num_examples=64)
    measure, done = sensitivity._measure, []

    def killed(*arguments):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(arguments)
        return measure(*arguments)

    monkeypatch.setattr(sensitivity, "_measure", killed)
    with pytest.raises(KeyboardInterrupt):
        scan(trained, data, cache=tmp_path, num_examples=64)
    (file,) = tmp_path.iterdir()
    assert len([json.loads(line) for line in file.read_text().splitlines()]) == 4  # the whole model, and three points

    monkeypatch.setattr(sensitivity, "_measure", lambda *arguments: done.append(arguments) or measure(*arguments))
    resumed = scan(trained, data, cache=tmp_path, num_examples=64)
    assert len(done) == len(resumed.points) == 16
    assert resumed == scan(trained, data, num_examples=64)
    assert len(done) == 32
    scan(trained, data, sparsities=(0.5, 0.6), cache=tmp_path, num_examples=64)
    assert len(done) == 36  # 0.6 of four layers is new

    other = copy_model(trained)
    other.get_layer("logits").bias.assign_add(np.ones(10))
    scan(other, data, sparsities=(0.5,), cache=tmp_path, num_examples=64)
    assert len(done) == 40
    assert len(list(tmp_path.iterdir())) == 2


def test_the_ratios_are_taken_by_the_techniques(trained, digits):
    found = scan(trained, digits, num_examples=256)
    ratios = found.for_sparsity(0.6)
    for technique in (tfc.PruneLowMagnitude, tfc.PruneWeights):
        promised = {
            name.split("/")[0]: promise.at_least
            for promise in technique(per_layer=ratios).promises(trained)
            for name in promise.kernels
        }
        assert promised == pytest.approx({layer: ratio for layer, ratio in ratios.items() if ratio > 0})


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"sparsities": (0.5, 1.0)}, "sparsities"),
        ({"sparsities": ()}, "sparsities"),
        ({"score": tfc.scores.Movement()}, "score"),
        ({"num_examples": 0}, "num_examples"),
    ],
)
def test_bad_values_are_named(settings, name):
    with pytest.raises(tfc.InvalidValue, match=f"scan.{name}"):
        scan(None, tfc.Digits(), **settings)
