"""Bits under a budget: every assignment tried as the oracle, and the choice exported."""

import itertools

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import set_seed
from tfcompress.quantization.bit_allocation import allocate_bits, kernel_bytes
from tfcompress.quantization.bit_sensitivity import LayerAtBits, QuantizationSensitivity, quantization_scan


def made(costs, sizes, kinds=None):
    """A scan's result from the costs of 4 and 8 bits, and the numbers of weights, of each layer."""
    points = tuple(
        LayerAtBits(layer, (kinds or {}).get(layer, "Dense"), bits, sizes[layer], 0, 0, 0, 0, 0, 0, cost, 0, 0)
        for layer, pair in costs.items()
        for bits, cost in zip((4, 8), pair, strict=True)
    )
    return QuantizationSensitivity(0.9, 0.1, points, num_examples=10)


def best_by_hand(found, budget, bits=(4, 8, "float32")):
    """The least cost of all assignments that fit."""
    cost = found.sensitivities()
    fitting = [
        sum(0.0 if each == "float32" else cost[layer, each] for layer, each in zip(found.layers, choice, strict=True))
        for choice in itertools.product(bits, repeat=len(found.layers))
        if sum(kernel_bytes(size, each) for size, each in zip(found.layers.values(), choice, strict=True)) <= budget
    ]
    return min(fitting)


def test_a_choice_worked_by_hand():
    # 100 weights each: 50, 100 or 400 bytes. 150 bytes let one of the two have 8 bits: `a` gains 0.4 by it, `b` 0.1.
    found = made({"a": (0.5, 0.1), "b": (0.2, 0.1)}, {"a": 100, "b": 100})
    chosen = allocate_bits(found, 150)
    assert (chosen.per_layer, chosen.num_bytes) == ({"a": 8, "b": 4}, 150)
    assert chosen.cost == pytest.approx(0.3)
    assert allocate_bits(found, 149).per_layer == {"a": 4, "b": 4}
    assert allocate_bits(found, 800).per_layer == {"a": "float32", "b": "float32"}
    assert allocate_bits(found, 800, bits=(4, 8)).per_layer == {"a": 8, "b": 8}
    assert allocate_bits(found, 1150, overhead_bytes=1000).num_bytes == 150


@pytest.mark.parametrize("seed", range(6))
def test_no_assignment_of_random_costs_is_better(seed):
    random = np.random.default_rng(seed)
    names = "abcdef"
    costs = {name: tuple(10.0 ** -random.uniform(0, 7, 2)) for name in names}
    found = made(costs, {name: int(random.integers(1, 2_000_000)) for name in names})
    least, most = (sum(kernel_bytes(size, bits) for size in found.layers.values()) for bits in (4, "float32"))
    for share in (0.0, 0.05, 0.3, 0.7):
        budget = int(least + share * (most - least))
        chosen = allocate_bits(found, budget)
        assert chosen.num_bytes <= budget
        assert chosen.cost == pytest.approx(best_by_hand(found, budget), rel=1e-9, abs=1e-12)


@pytest.fixture(scope="module")
def scanned(trained):
    return quantization_scan(trained, tfc.Digits(num_examples=256), bits=(4, 8))


def test_no_assignment_of_a_trained_network_is_better(scanned):
    for budget in range(6_800, 55_000, 2_500):
        chosen = allocate_bits(scanned, budget)
        assert chosen.num_bytes <= budget
        assert chosen.cost == pytest.approx(best_by_hand(scanned, budget), rel=1e-9, abs=1e-15)


def test_a_budget_out_of_reach_says_the_least_possible(scanned):
    least = sum(kernel_bytes(size, 4) for size in scanned.layers.values())
    assert set(allocate_bits(scanned, least).per_layer.values()) == {4}
    with pytest.raises(tfc.InvalidValue, match=f"must be at least {least:,}, .*Received: {least - 1:,}"):
        allocate_bits(scanned, least - 1)


def test_the_choice_is_exported_and_the_file_keeps_to_the_budget(scanned, trained, digits, tmp_path):
    pytest.importorskip("litert_quantizer", reason="not run: tfcompress[edge] is not installed")
    eight = tfc.MixedPrecision(8).convert(trained, digits, tmp_path / "eight.tflite")
    overhead = eight.raw_bytes - sum(scanned.layers.values())
    budget = int(0.75 * eight.raw_bytes)
    chosen = allocate_bits(scanned, budget, bits=(4, 8), overhead_bytes=overhead)
    assert set(chosen.per_layer.values()) == {4, 8}
    file = tfc.MixedPrecision(8, per_layer=chosen.per_layer).convert(trained, digits, tmp_path / "mixed.tflite")
    # Buffers are aligned to 16 bytes, so that each kernel may be off by as much.
    assert file.raw_bytes == pytest.approx(chosen.num_bytes + overhead, abs=16 * len(chosen.per_layer))
    outputs = trained.predict(digits.model_inputs(digits.test.inputs), verbose=0)
    accuracy = float((outputs.argmax(-1) == digits.test.targets).mean())
    for check in (tfc.CpuXnnpack(), tfc.CpuReference()):
        finding = check.run(file, digits, {"keras": outputs})
        assert finding.status == "pass"
        assert finding.metrics["accuracy"] > accuracy - 0.03


def test_the_choice_is_simulated_too(scanned, trained):
    chosen = allocate_bits(scanned, 20_000)
    assert "float32" in chosen.per_layer.values()
    model = tfc.QuantizeKernels(per_layer=chosen.quantizers()).apply(trained)
    for layer, bits in chosen.per_layer.items():
        before, now = trained.get_layer(layer).kernel.numpy(), model.get_layer(layer).kernel.numpy()
        expected = before if bits == "float32" else tfc.Affine(bits=bits).approximate(before)
        np.testing.assert_array_equal(now, expected)


def test_layers_get_only_bits_that_the_exporter_stores():
    kinds = {"a": "Conv2D", "b": "DepthwiseConv2D", "c": "LSTM"}
    found = made(dict.fromkeys("abc", (0.5, 0.1)), dict.fromkeys("abc", 100), kinds)
    chosen = allocate_bits(found, 150)  # 50 for a; depthwise has no 4 bits
    assert (chosen.per_layer, chosen.left_out) == ({"a": 4, "b": 8}, ("c",))
    assert chosen.quantizers()["c"] is None
    with pytest.raises(tfc.InvalidValue, match="must be at least 150"):
        allocate_bits(found, 149)
    with pytest.raises(tfc.UnsupportedModel, match="Received: LSTM"):
        allocate_bits(made({"c": (0.5, 0.1)}, {"c": 100}, kinds), 1000)


def test_the_storable_bits_are_those_that_litert_quantizer_has(digits, tmp_path):
    pytest.importorskip("litert_quantizer", reason="not run: tfcompress[edge] is not installed")
    set_seed(0)
    model = tfc.mobile_cnn((8, 8, 1), width=4)
    data = tfc.Digits(num_examples=32)
    found = quantization_scan(model, data, bits=(4, 8))
    chosen = allocate_bits(found, 2_100, bits=(4, 8))
    assert set(chosen.per_layer.values()) == {4, 8}
    tfc.MixedPrecision(8, per_layer=chosen.per_layer).convert(model, data, tmp_path / "mobile.tflite")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"bits": (2, 8)}, r"allocate_bits.bits must be of \(4, 8, 'float32'\)"),
        ({"bits": ()}, "allocate_bits.bits must be of"),
        ({"by": "luck"}, "by must be one of"),
    ],
)
def test_bad_values_are_named(settings, words):
    with pytest.raises(tfc.InvalidValue, match=words):
        allocate_bits(made({"a": (0.5, 0.1)}, {"a": 100}), 100, **settings)


def test_bits_must_have_been_measured():
    points = made({"a": (0.5, 0.1)}, {"a": 100}).points[:1]
    with pytest.raises(tfc.InvalidValue, match=r"Received: \[8\].*Use quantization_scan\(..., bits=\(8,\)\)"):
        allocate_bits(QuantizationSensitivity(0.9, 0.1, points, 10), 100)
