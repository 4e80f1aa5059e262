"""Targets that are measured on real files: bytes of an int8 file, and milliseconds on this machine."""

import dataclasses

import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.core.types import Check
from tfcompress.delegates.latency import HURRIED


@dataclasses.dataclass(frozen=True)
class NoFit:
    """A way of fitting that leaves the model as it is."""

    data: tfc.Data
    steps = 1

    def __call__(self, model, callbacks=()):
        """Nothing."""


@dataclasses.dataclass(frozen=True)
class Noting:
    """A check that passes on what another one finds, and notes the latencies."""

    check: Check
    seen: list = dataclasses.field(default_factory=list)

    @property
    def name(self):
        return self.check.name

    def run(self, artifact, data, against):
        finding = self.check.run(artifact, data, against)
        self.seen.append(finding.latency.median_ms)
        return finding


@pytest.fixture(scope="module")
def data():
    return tfc.Digits(num_examples=64)


def test_the_bytes_of_a_real_int8_file_are_reached_and_not_by_far(data, tmp_path):
    keras.utils.set_random_seed(0)
    model = tfc.simple_cnn((8, 8, 1), width=16, hidden_units=32)
    whole = tfc.Int8().convert(model, data, tmp_path / "whole.tflite").raw_bytes
    target = tfc.FileBytesTarget(tfc.Int8(), max_bytes=whole // 2, trials=4)
    smaller = tfc.PruneChannels(target=target, round_to=1).apply(model, NoFit(data))
    found = tfc.Int8().convert(smaller, data, tmp_path / "smaller.tflite").raw_bytes
    assert 0.8 * target.max_bytes < found <= target.max_bytes


@pytest.mark.slow
def test_the_latency_of_a_real_file_falls(data, tmp_path, monkeypatch):
    """Tolerant, as others may work on this machine: a tenth of each width is left when all goes that may."""
    monkeypatch.delenv(HURRIED)
    keras.utils.set_random_seed(0)
    model = tfc.simple_cnn((8, 8, 1), width=64, hidden_units=64)
    check = Noting(tfc.CpuXnnpack())
    target = tfc.LatencyTarget(tfc.Float32(), check, at_most=0.7, trials=2)
    smaller = tfc.PruneChannels(target=target).apply(model, NoFit(data))
    whole, *tried = check.seen
    assert len(tried) == 1 + target.trials
    assert min(tried) <= target.limit(whole) == 0.7 * whole
    assert smaller.count_params() < model.count_params()
    again = tfc.CpuXnnpack().run(tfc.Float32().convert(smaller, data, tmp_path / "smaller.tflite"), data, {})
    assert again.latency.median_ms < whole
