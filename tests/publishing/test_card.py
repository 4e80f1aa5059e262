"""card.md of a small run, made once: every figure in it is the report's."""

import dataclasses
import json
import subprocess
import sys

import pytest

import tfcompress as tfc
from tfcompress.core.types import Advice, Finding, Refusal
from tfcompress.publishing.card import card, front_matter, limits
from tfcompress.running.report import rows


@pytest.fixture(scope="module")
def made(trained, tmp_path_factory):
    """A run of one file, checked on XNNPACK."""
    folder = tmp_path_factory.mktemp("card") / "run"
    data = tfc.Digits(num_examples=640)
    return tfc.compress(
        trained, data, [], exports=[tfc.Int8()], checks=[tfc.CpuXnnpack()], verbose=0, out=folder, name="small"
    )


def text_of(made):
    return (made.folder / "card.md").read_text()


def test_the_front_matter_is_yaml_with_the_figures_of_the_report(made):
    _, front, body = text_of(made).split("---\n", 2)
    lines = front.splitlines()
    assert "library_name: litert" in lines and "pipeline_tag: image-classification" in lines
    assert '- "int8"' in lines
    (file,) = made.report.files
    accuracy = next(iter(file.findings.values())).metrics["accuracy"]
    (value,) = [line.partition("value: ")[2] for line in lines if "value: " in line]
    assert float(value) == pytest.approx(100 * accuracy, abs=1e-3)
    assert body.lstrip().startswith("# small")


def test_the_table_is_the_reports_and_the_command_and_the_data_are_named(made):
    text = text_of(made)
    for cell in rows(made.report)[0]:
        assert cell in text
    assert made.report.command in text and made.report.data in text
    assert made.report.files[0].sha256[:16] in text


def test_its_lines_of_python_run_the_file(made, tmp_path):
    lines = text_of(made).partition("```python\n")[2].partition("```")[0]
    done = subprocess.run([sys.executable, "-c", lines], cwd=made.folder / "tflite", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_it_is_handed_on_and_the_folder_is_whole(made, tmp_path):
    saved = made.save(tmp_path / "out")
    assert (saved / "card.md").read_text() == text_of(made)
    done = subprocess.run([sys.executable, "-m", "tfcompress.verify", str(made.folder)], capture_output=True, text=True)
    assert done.returncode == 0 and "other" not in done.stdout
    assert json.loads((made.folder / "report.json").read_text())["verdict"] == made.report.verdict


def test_limits_are_what_failed_what_was_not_run_and_what_was_advised(made):
    (file,) = made.report.files
    findings = {
        **file.findings,
        "a": Finding("gpu", "fail", "refused", refusals=(Refusal("GATHER", "1D only"),)),
        "b": Finding("cpu-builtin", "not run", "there is no time"),
    }
    worse = dataclasses.replace(
        made.report,
        files=(dataclasses.replace(file, findings=findings),),
        advice=(Advice("x", "Mend it."), Advice("next budget", "An offer.")),
    )
    told = list(limits(worse))
    assert "gpu does not take original int8: it refuses GATHER" in told
    assert "Not run: cpu-builtin, as there is no time" in told and "Mend it." in told and "An offer." not in told
    assert not any("Not run" in line or "refuses" in line for line in limits(made.report))


def test_a_file_without_a_metric_has_no_result(made):
    (file,) = made.report.files
    bare = dataclasses.replace(made.report, files=(dataclasses.replace(file, findings={}),))
    assert "  results: []" in front_matter(bare)


def test_a_name_that_is_no_plain_yaml_is_quoted(made):
    odd = dataclasses.replace(made.report, data='a "b": [c]')
    assert 'name: "a \\"b\\": [c]"' in front_matter(odd)
    assert card(odd, tfc.Digits(), made.folder).count("---") >= 2
