"""PruneChannels: settings, what it removes, targets, rounds, and what it says."""

import dataclasses

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.core.errors import InvalidRecipe, InvalidValue, NothingHappened, UnsupportedModel
from tfcompress.core.types import CHANNELS, Artifact, Finding, Latency
from tfcompress.measuring.measure import measure


@dataclasses.dataclass(frozen=True)
class NoFit:
    """A way of fitting that leaves the model as it is, and counts its calls."""

    data: tfc.Data | None = None
    calls: list = dataclasses.field(default_factory=list)
    steps = 1

    def __call__(self, model, callbacks=()):
        self.calls.append(model)


@pytest.fixture(scope="module")
def data():
    return tfc.Digits(num_examples=64)


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    return tfc.resnet(8, (8, 8, 1))


def widths(model):
    return {layer.name: layer.filters for layer in model.layers if hasattr(layer, "filters")}


def test_a_share_of_the_channels_goes_and_the_model_is_unchanged(model):
    before = model.get_weights()
    smaller = tfc.PruneChannels(pruning_ratio=0.25, comparison="per layer").apply(model, NoFit())
    # 16 -> 12, which rounds to the even one of 8 and 16 (widths of 16 are rounded, as they are twice 8); 32 -> 24
    assert (widths(smaller)["stage2_block1_conv1"], widths(smaller)["stage3_block1_conv2"]) == (24, 48)
    for left, right in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)


def test_the_least_channels_go_first(model):
    kernel = model.get_layer("stage1_block1_conv1").kernel
    kernel.assign(kernel * np.where(np.arange(16) % 2, 10.0, 0.01))
    options = {"criterion": tfc.criteria.L2(readers=False), "keep": ("stem", "stage[23]*"), "round_to": 1}
    smaller = tfc.PruneChannels(pruning_ratio=0.5, **options).apply(model, NoFit())
    np.testing.assert_array_equal(
        smaller.get_layer("stage1_block1_conv1").get_weights()[0], kernel.numpy()[:, :, :, 1::2]
    )
    assert widths(smaller) == widths(model) | {"stage1_block1_conv1": 8}


def test_widths_are_rounded_to_multiples_where_they_are_wide_enough(model):
    smaller = tfc.PruneChannels(pruning_ratio=0.4).apply(model, NoFit())
    assert all(width % 8 == 0 for width in widths(smaller).values())
    free = tfc.PruneChannels(pruning_ratio=0.4, round_to=1).apply(model, NoFit())
    assert any(width % 8 for width in widths(free).values())


def test_a_layer_keeps_its_minimum(model):
    kernel = model.get_layer("stage1_block1_conv1").kernel
    kernel.assign(kernel * 1e-6)
    bn = model.get_layer("stage1_block1_conv1_bn")
    bn.gamma.assign(bn.gamma * 1e-6)
    options = {"pruning_ratio": 0.3, "round_to": 1, "criterion": tfc.criteria.BatchNormScale()}
    for minimum, kept in ((5, 5), (0.25, 4), (1, 1)):
        smaller = tfc.PruneChannels(minimum=minimum, **options).apply(model, NoFit())
        assert widths(smaller)["stage1_block1_conv1"] == kept


@pytest.mark.parametrize("target", [tfc.MacsTarget(0.5), tfc.ParametersTarget(0.4)], ids=lambda t: type(t).__name__)
def test_a_target_is_reached_and_not_by_far(model, target):
    smaller = tfc.PruneChannels(target=target, round_to=1).apply(model, NoFit())
    before, after = measure(model), measure(smaller)
    share = after.num_macs / before.num_macs
    if isinstance(target, tfc.ParametersTarget):
        share = after.num_parameters / before.num_parameters
    assert target.at_most - 0.02 < share <= target.at_most


@pytest.mark.parametrize("comparison", ["global", "per layer", "isomorphic"])
def test_widths_in_eights_leave_no_room_for_another_step(model, comparison):
    target = tfc.MacsTarget(0.45)  # at 0.5 the global ranking fits by chance
    smaller = tfc.PruneChannels(target=target, comparison=comparison).apply(model, NoFit())
    most = target.limit(measure(model).num_macs)
    assert measure(smaller).num_macs <= most
    families = ("stem", *(f"stage{n}_block1_conv{m}" for n, m in ((1, 1), (2, 1), (2, 2), (3, 1), (3, 2))))
    whole, kept = ({name: widths(each)[name] for name in families} for each in (model, smaller))
    assert not any(width % 8 for width in kept.values())
    shrunk = [name for name in families if kept[name] < whole[name]]
    assert shrunk
    for name in shrunk:
        wider = kept | {name: kept[name] + 8}
        removed = {name: range(wider[name], whole[name]) for name in families if wider[name] < whole[name]}
        assert measure(tfc.remove_channels(model, removed)).num_macs > most


def test_an_unreachable_target_tells_the_least_possible(model):
    technique = tfc.PruneChannels(target=tfc.MacsTarget(0.001), minimum=0.5)
    # All widths halved: stem 9 * 8 * 64, first stage 2 * 9 * 64 * 64, logits 32 * 10,
    # and twice 9 * 8 * 16 * 16 + 9 * 16^3 + 8 * 16 * 16
    with pytest.raises(UnsupportedModel, match="at most 763.52 multiply-accumulates.*least possible is 193,344"):
        technique.apply(model, NoFit())


@dataclasses.dataclass(frozen=True)
class ParametersAsFile:
    """An exporter whose file has a byte for each parameter."""

    mode: str = "int8"

    def convert(self, model, data, path):
        size = model.count_params()
        path.write_bytes(bytes(size))
        return Artifact(path, self.mode, size, size, "")


@dataclasses.dataclass(frozen=True)
class BytesAsLatency:
    """A check by which a file takes a millisecond for each byte."""

    name: str = "clock"
    measures: bool = True

    def run(self, artifact, data, against):
        latency = Latency(float(artifact.raw_bytes), 0.0, 1, 1)
        return Finding("clock", "pass", reason="no clock", latency=latency if self.measures else None)


def test_bytes_and_latency_are_measured_on_files(model, data):
    exporter = ParametersAsFile()
    most = model.count_params() // 2
    for target in (tfc.FileBytesTarget(exporter, most, trials=6), tfc.LatencyTarget(exporter, BytesAsLatency(), 0.5)):
        smaller = tfc.PruneChannels(target=target, round_to=1).apply(model, NoFit(data))
        assert 0.9 * most < smaller.count_params() <= most
    silent = tfc.LatencyTarget(exporter, BytesAsLatency(measures=False))
    with pytest.raises(NothingHappened, match="expects a check that measures latency"):
        tfc.PruneChannels(target=silent).apply(model, NoFit(data))


def test_rounds_end_where_one_round_does_and_train_in_between(model, remarks):
    fit = NoFit()
    tfc.PruneChannels(pruning_ratio=0.5, iterations=3, round_to=1, comparison="per layer").apply(model, fit)
    assert len(fit.calls) == 3
    # 64 * 5/6 = 53.3, then 53 * (4/6) / (5/6) = 42.4, then 42 * (3/6) / (4/6) = 31.5
    assert [call.get_layer("stage3_block1_conv1").filters for call in fit.calls] == [53, 42, 31]
    assert [sentence.split(":")[0] for sentence in remarks] == [f"Round {n} of 3" for n in (1, 2, 3)]
    target = tfc.PruneChannels(target=tfc.MacsTarget(0.4), iterations=2).apply(model, fit)
    assert measure(target).num_macs <= 0.4 * measure(model).num_macs


def test_it_promises_what_it_makes(model):
    technique = tfc.PruneChannels(target=tfc.ParametersTarget(0.5))
    (promise,) = technique.promises(model)
    smaller = technique.apply(model, NoFit())

    def num_weights(model):
        return sum(layer.kernel.numpy().size for layer in model.layers if hasattr(layer, "kernel"))

    assert (promise.kind, promise.num_weights) == (CHANNELS, num_weights(model))
    assert promise.at_least == pytest.approx(1 - num_weights(smaller) / num_weights(model))


def test_statistics_are_told_anew_and_it_says_what_that_did(model, data, remarks):
    tfc.PruneChannels(num_examples=32).apply(model, NoFit(data))
    tfc.PruneChannels().apply(model, NoFit())
    with_data, without = remarks
    assert "statistics of 9 batch normalizations were estimated anew" in with_data
    assert "keeps its old statistics: the fit does not say what it trains on" in without


CRITERIA = (
    *(
        tfc.criteria.L1(),
        tfc.criteria.L2(),
        tfc.criteria.BatchNormScale(),
        tfc.criteria.Taylor(),
        tfc.criteria.GeometricMedian(),
    ),
    *(tfc.criteria.Activation(), tfc.criteria.Lamp(), tfc.criteria.Random()),
)


@pytest.mark.parametrize("criterion", CRITERIA, ids=lambda criterion: type(criterion).__name__)
def test_each_criterion_halves_the_work(model, data, criterion):
    technique = tfc.PruneChannels(target=tfc.MacsTarget(0.5), criterion=criterion, num_examples=32)
    smaller = technique.apply(model, NoFit(data))
    assert measure(smaller).num_macs <= 0.5 * measure(model).num_macs


@pytest.mark.parametrize("comparison", ["global", "per layer", "isomorphic"])
def test_comparisons_share_out_differently(model, comparison):
    for name, factor in (("stage1_block1_conv1", 9.0), ("stage2_block1_conv1", 1.0), ("stage3_block1_conv1", 0.1)):
        bn = model.get_layer(f"{name}_bn")
        bn.gamma.assign(bn.gamma * factor)
    options = {"criterion": tfc.criteria.BatchNormScale(), "comparison": comparison, "round_to": 1, "minimum": 1}
    found = widths(tfc.PruneChannels(pruning_ratio=0.2, **options).apply(model, NoFit()))
    expected = {
        "global": (16, 32, 19),  # 20 % of 224 channels, 45, from the layer of the smallest scales
        "per layer": (13, 26, 51),  # 20 % of each
        "isomorphic": (16, 32, 42),  # 20 % of the 112 in the three alike (kernels 3x3 in a block), from the smallest
    }
    assert tuple(found[f"stage{n}_block1_conv1"] for n in (1, 2, 3)) == expected[comparison]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"pruning_ratio": 1.0}, r"pruning_ratio must be in \(0, 1\)"),
        ({"pruning_ratio": 0.5, "target": tfc.MacsTarget()}, "target must be None beside a pruning_ratio"),
        ({"comparison": "local"}, "comparison must be one of"),
        ({"round_to": 0}, "round_to must be at least 1"),
        ({"minimum": 1.5}, "minimum must be a share below 1 or a whole number"),
        ({"iterations": 0}, "iterations must be at least 1"),
        ({"num_examples": 0}, "num_examples must be at least 1"),
        ({"keep": 3}, "keep must select layers by name"),
    ],
)
def test_a_bad_value_names_its_field(options, words):
    with pytest.raises(InvalidValue, match=words):
        tfc.PruneChannels(**options)


@pytest.mark.parametrize("make", [tfc.MacsTarget, tfc.ParametersTarget])
def test_a_target_is_a_share(make):
    with pytest.raises(InvalidValue, match="at_most must be in"):
        make(at_most=1.5)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"pruning_ratio": 0.001}, NothingHappened, "none of 224 at a share of 0.001"),
        ({"target": tfc.FileBytesTarget(ParametersAsFile(), 10**9)}, NothingHappened, "within 1e\\+09 as it is"),
        ({"keep": ("stm",)}, InvalidValue, "Received: 'stm', which matches none. Near it: stem"),
        ({"keep": ("*",)}, UnsupportedModel, "has none: it is the model's"),
    ],
)
def test_what_cannot_be_done_is_told(model, data, options, error, words):
    with pytest.raises(error, match=words):
        tfc.PruneChannels(**options).apply(model, NoFit(data))


def test_a_criterion_that_needs_examples_asks_for_them(model):
    with pytest.raises(InvalidRecipe, match="expects a fit that says what it trains on"):
        tfc.PruneChannels(criterion=tfc.criteria.Taylor()).apply(model, NoFit())


def test_a_layer_is_kept_by_the_name_of_its_normalization(model):
    kept = tfc.PruneChannels(pruning_ratio=0.5, keep=("stem_bn",)).apply(model, NoFit())
    assert widths(kept)["stem"] == widths(kept)["stage1_block1_conv2"] == 16
