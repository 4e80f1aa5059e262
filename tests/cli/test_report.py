"""tfcompress report: pages of one run and of several, and what it says of folders that are none."""

import json
import shutil

import pytest

from tfcompress.cli.report import main
from tfcompress.running.folder.seals import sealed, unsealed


def rewritten(root, **changes):
    path = root / "report.json"
    path.write_text(sealed({**unsealed(path.read_text()), **changes}))
    return root


def test_a_page_of_one_run(made_run, tmp_path, capsys):
    out = tmp_path / "page.html"
    assert main([str(made_run()), "--out", str(out)]) == 0
    text = out.read_text()
    assert "<h1>mine " in text
    assert "pruned int8" in text
    told = capsys.readouterr().out
    assert "were not kept by this run" in told
    assert f"{out}: 0." in told


def test_runs_are_compared_with_their_common_front(made_run, tmp_path):
    first, second = made_run("a"), made_run("b", salt="b")
    rewritten(second, settings={"epochs": 2}, command="make b")
    out = tmp_path / "page.html"
    assert main([str(first), str(second), "--out", str(out)]) == 0
    text = out.read_text()
    assert "2 runs compared" in text
    charts = json.loads(text.partition('id="charts">')[2].partition("</script>")[0])
    points = charts["tradeoff-zipped_bytes"]["points"]
    assert [(point["label"], point["front"]) for point in points] == [
        ("a: pruned int8", True),
        ("b: pruned int8", True),
    ]
    assert "Settings in which the runs differ" in text
    assert "different data" not in text


def test_runs_on_other_data_are_not_set_against_each_other_silently(made_run, tmp_path):
    first, second = made_run("a"), rewritten(made_run("b"), data_key="other examples")
    assert main([str(first), str(second), "--out", str(tmp_path / "page.html")]) == 0
    assert "These runs were evaluated on different data" in (tmp_path / "page.html").read_text()


def test_the_front_is_of_all_runs(made_run, tmp_path):
    first, second = made_run("a"), made_run("b")
    files = unsealed((second / "report.json").read_text())["files"]
    rewritten(second, files=[{**files[0], "zipped_bytes": 60}])
    out = tmp_path / "page.html"
    assert main([str(first), str(second), "--out", str(out)]) == 0
    charts = json.loads(out.read_text().partition('id="charts">')[2].partition("</script>")[0])
    assert [point["front"] for point in charts["tradeoff-zipped_bytes"]["points"]] == [True, False]


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (lambda root: (root / "report.json").unlink(), 34, "a finished run"),
        (lambda root: (root / "report.json").write_text("{"), 33, "report.json must be what the run wrote"),
        (lambda root: rewritten(root, stages=[]), 34, "a run of this version"),
        (shutil.rmtree, 34, "There is no folder of this name"),
    ],
)
def test_what_is_no_finished_run_is_told_in_a_line(made_run, tmp_path, capsys, change, code, words):
    root = made_run()
    change(root)
    assert main([str(root), "--out", str(tmp_path / "page.html")]) == code
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1
    assert not (tmp_path / "page.html").exists()


def test_a_file_of_the_users_own_stays(made_run, tmp_path, capsys):
    root, out = made_run(), tmp_path / "thesis.html"
    out.write_text("mine")
    assert main([str(root), "--out", str(out)]) == 30
    assert out.read_text() == "mine"
    assert "another file of yours" in capsys.readouterr().err
    assert main([str(root), "--out", str(tmp_path)]) == 30
    assert main([str(root), "--out", str(tmp_path / "nowhere" / "page.html")]) == 30


def test_a_page_is_written_over(made_run, tmp_path):
    root, out = made_run(), tmp_path / "page.html"
    assert [main([str(root), "--out", str(out)]) for _ in range(2)] == [0, 0]


def test_runs_of_one_name_or_of_other_metrics_are_refused(made_run, tmp_path, capsys):
    root = made_run()
    assert main([str(root), str(root)]) == 12
    other = made_run("other")
    stages = unsealed((other / "report.json").read_text())["stages"]
    kinds = [{"name": "MAE", "unit": "", "higher_is_better": False}]
    rewritten(other, stages=[{**stage, "metric_kinds": kinds, "metrics": {"MAE": 1.0}} for stage in stages])
    assert main([str(root), str(other)]) == 12
    assert "run with accuracy, other with MAE" in capsys.readouterr().err


def test_no_run_is_a_question_for_help(capsys):
    assert main([]) == 2
    assert "run folders" in capsys.readouterr().err
