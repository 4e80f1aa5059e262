"""Architectures of keras.applications, and models made elsewhere: three here, all of them with -m slow."""

import importlib.util
from pathlib import Path

import pytest

import tfcompress as tfc

ROOT = Path(__file__).parents[3]
MLPERF = ROOT.parent / "shared" / "models" / "mlperf_tiny"
FAST = ("MobileNet", "MobileNetV3Small")


def benchmark():
    specification = importlib.util.spec_from_file_location("apps", ROOT / "benchmarks" / "loading_applications.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


BENCHMARK = benchmark()


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in BENCHMARK.NAMES]
)
def test_comes_in_equal(name):
    *_, spread, difference, _ = BENCHMARK.row(name)
    assert spread > BENCHMARK.LEAST_SPREAD, "it answers all images alike, so that its equality says nothing"
    assert difference < BENCHMARK.LIMIT


@pytest.mark.parametrize("name", ["resnet8_cifar10.h5", "mobilenet_vww.h5"])
def test_mlperf_tiny_comes_in(name):
    if not (MLPERF / name).is_file():
        pytest.skip(f"{MLPERF / name} is not on this machine")
    arrival = tfc.load_with_report(MLPERF / name)
    assert arrival.largest_difference == 0
    assert arrival.model.count_params() > 70_000
