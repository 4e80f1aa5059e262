"""The run folder with its page: whole, made once, and mended."""

import shutil

from tfcompress.reporting import finishing
from tfcompress.running.folder.whole import WHOLE, check_folder
from tfcompress.running.report import report_from_json
from tfcompress.running.store import Store


def again(folder):
    store = Store(folder)
    store.open()
    finishing.write_reports(report_from_json(store.read_json("report.json")), store)
    store.close()


def test_a_run_with_its_page_is_whole_and_the_page_belongs_to_it(run, tmp_path):
    folder = shutil.copytree(run, tmp_path / "run")
    assert check_folder(folder).verdict == WHOLE
    (folder / "report.html").write_text("other")
    (folder / "examples" / "inputs-0.npy").write_text("other")
    assert {(each.kind, each.path) for each in check_folder(folder).problems} == {
        ("changed", "report.html"),
        ("changed", "examples/inputs-0.npy"),
    }


def test_what_was_measured_is_measured_once(run, tmp_path, monkeypatch):
    folder = shutil.copytree(run, tmp_path / "run")
    before = {path.name: path.read_bytes() for path in folder.glob("report.*")}
    monkeypatch.setattr(finishing, "details_of", lambda *given: 1 / 0)
    again(folder)
    assert {path.name: path.read_bytes() for path in folder.glob("report.*")} == before


def test_a_folder_without_a_manifest_knows_its_examples(run, tmp_path):
    folder = shutil.copytree(run, tmp_path / "run")
    (folder / "manifest.json").unlink()
    assert [(each.kind, each.path) for each in check_folder(folder).problems] in ([], [("missing", "manifest.json")])
    (folder / "examples" / "inputs-0.npy").unlink()
    assert ("missing", "examples/inputs-0.npy") in [(each.kind, each.path) for each in check_folder(folder).problems]


def test_a_notebook_shows_the_page_and_the_table(run, page):
    from tfcompress.reporting.notebook import ReportWithPage

    report = ReportWithPage.of(report_from_json(Store(run).read_json("report.json")), run)
    shown = report._repr_html_()
    assert shown.startswith('<iframe title="report of model" srcdoc="&lt;!doctype html&gt;')
    assert "<td>prune_low_magnitude int8</td>" in shown
    assert str(report).splitlines()[-1] == "Verdict: pass"
