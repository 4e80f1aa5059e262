"""A finished run with its page, made once: digits, pruned, as float32 and int8."""

import json

import pytest


@pytest.fixture(scope="session")
def run(trained, tmp_path_factory):
    """The folder of a run of `compress`."""
    import tfcompress as tfc

    folder = tmp_path_factory.mktemp("reporting") / "pruned"
    data = tfc.Digits(num_examples=200)
    tfc.compress(
        trained, data, [tfc.PruneLowMagnitude(0.5)], epochs=2, out=folder, checks=[tfc.CpuXnnpack()], verbose=0
    )
    return folder


@pytest.fixture(scope="session")
def page(run):
    return (run / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def said(run):
    return json.loads((run / "report.json").read_text(encoding="utf-8"))
