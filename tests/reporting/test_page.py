"""The page and report.json say the same, and the page needs nothing else."""

import html.parser
import json
import re

import pytest

from tfcompress.reporting.page.document import page_of
from tfcompress.reporting.run_folder import RunPage, read_run
from tfcompress.running.report import headings, rows


class Tables(html.parser.HTMLParser):
    """The tables of a page by their captions: a list of rows of (text, data-value)."""

    def __init__(self, text):
        super().__init__()
        self.found, self._in, self._cell, self._caption = {}, None, None, None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag == "table":
            self._rows = []
        elif tag == "caption":
            self._caption = ""
            self._in = "caption"
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._cell, self._in = ["", dict(attrs).get("data-value")], "cell"

    def handle_endtag(self, tag):
        if tag == "table":
            self.found[self._caption] = self._rows
        elif tag in ("td", "th"):
            self._rows[-1].append(tuple(self._cell))
        if tag in ("caption", "td", "th"):
            self._in = None

    def handle_data(self, data):
        if self._in == "caption":
            self._caption += data
        elif self._in == "cell":
            self._cell[0] += data


@pytest.fixture(scope="module")
def tables(page):
    return Tables(page).found


def column(table, heading):
    place = [text for text, _ in table[0]].index(heading)
    return [row[place] for row in table[1:]]


def numbers(table, heading):
    return [None if value is None else float(value) for _, value in column(table, heading)]


def test_the_report_stands_in_the_page_whole(page, said):
    (held,) = json.loads(re.search(r'id="reports">(.*?)</script>', page, re.DOTALL)[1])
    expected = {name: value for name, value in said.items() if name != "seal"}
    assert held == json.loads(json.dumps(expected).replace("Infinity", "null"))


def test_the_table_is_that_of_the_report(tables, run):
    report = read_run(run).report
    table = tables["Every file, evaluated as it was exported"]
    assert [[text for text, _ in row] for row in table] == [list(headings(report)), *map(list, rows(report))]


def test_what_files_cost_is_what_the_report_says(tables, said):
    first = [next(iter(file["findings"].values())) for file in said["files"]]
    by_bytes = next(table for caption, table in tables.items() if caption.startswith("accuracy against bytes"))
    by_time = next(table for caption, table in tables.items() if caption.startswith("accuracy against latency"))
    assert numbers(by_bytes, "bytes, zipped") == [file["zipped_bytes"] for file in said["files"]]
    assert numbers(by_bytes, "accuracy") == [seen["metrics"]["accuracy"] for seen in first]
    assert numbers(by_time, "latency, ms") == [seen["latency"]["median_ms"] for seen in first]
    assert numbers(tables["Time of one inference"], "p90, ms") == [seen["latency"]["p90_ms"] for seen in first]


def test_the_waterfall_ends_at_the_smallest_file(tables, said):
    table = tables["Where the bytes went"]
    assert numbers(table, "change")[0] == said["files"][0]["raw_bytes"]
    assert sum(numbers(table, "change")) == min(file["zipped_bytes"] for file in said["files"])
    assert [text for text, _ in column(table, "step")][2] == "zeros (prune_low_magnitude)"


@pytest.mark.parametrize("heading", ["bytes", "macs", "sparsity", "bits", "kernel_db", "output_db"])
def test_layers_are_those_of_the_report(tables, said, heading):
    shown = {"macs": "MACs", "sparsity": "zeros", "kernel_db": "kernel dB", "output_db": "output dB"}
    for variant, found in said["details"]["files"].items():
        table = tables[f"{variant}: operations in the order in which they run"]
        expected = [each[heading] for each in found["operations"]]
        assert numbers(table, shown.get(heading, heading)) == expected
        assert any(value is not None for value in expected)


def test_confusions_and_training_are_those_of_the_report(tables, said):
    seen = said["details"]["kept"]["outcomes"]["prune_low_magnitude int8"]["logits"]
    table = tables["prune_low_magnitude int8, logits: recall of each class"]
    assert numbers(table, "right") == [each["num_right"] for each in seen["by_class"]]
    trained = tables["What each training came to"]
    assert numbers(trained, "last")[0] == said["stages"][1]["history"]["loss"][-1]


def test_recall_of_classes_is_the_accuracy(said):
    for file in said["files"]:
        seen = said["details"]["kept"]["outcomes"][f"{file['stage']} {file['mode']}"]["logits"]
        measured = next(iter(file["findings"].values()))["metrics"]["accuracy"]
        assert seen["num_right"] / seen["num_counted"] == pytest.approx(measured)


def test_it_is_one_small_file_that_asks_for_nothing(page):
    assert len(page.encode()) < 3_000_000
    addresses = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert addresses
    assert all(each.startswith(("data:", "#")) for each in addresses)
    assert "default-src 'none'" in page


def test_charts_are_described_and_have_what_they_draw(page):
    drawn = re.findall(r'data-chart="([^"]+)" role="img" aria-label="([^"]+)"', page)
    charts = json.loads(re.search(r'id="charts">(.*?)</script>', page, re.DOTALL)[1])
    assert {name for name, _ in drawn} == set(charts)
    kinds = {chart["kind"] for chart in charts.values()}
    assert {"scatter", "waterfall", "weights", "confusion", "curves", "latency"} == kinds


def test_the_same_folder_is_the_same_page(run, page):
    assert page_of([read_run(run)]) == page


def test_advice_stands_near_the_top(run, said):
    advice = [{"cause": "c", "sentence": "Layer <a> loses most.", "layer": "a", "worth": None, "follow": "QAT"}]
    text = page_of([RunPage(run, {**said, "advice": advice})])
    assert text.index("Layer &lt;a&gt; loses most.") < text.index("Every file, evaluated")
    assert "Next: QAT" in text
    assert "Worth" not in text
    assert "What to do next" not in page_of([RunPage(run, {**said, "advice": []})])


def test_text_of_a_run_is_text(run, said):
    """A run folder may come from elsewhere."""
    bad = '"></script><script>alert(1)</script>'
    details = json.loads(json.dumps(said["details"]).replace("prune_low_magnitude int8", bad.replace('"', r"\"")))
    for kernel in details["files"][bad]["weights"]:
        kernel["num_levels"] = bad
    text = page_of([RunPage(run, {**said, "title": bad, "settings": {bad: bad}, "details": details})])
    assert "alert(1)" in text
    assert "<script>alert" not in text
    assert '="">' not in text


def test_arrays_of_other_folders_are_not_read(run, said):
    kept = {**said["details"]["kept"], "inputs": [{**said["details"]["kept"]["inputs"][0], "array": "../a.npy"}]}
    page = RunPage(run, {**said, "details": {**said["details"], "kept": kept}})
    assert page.array("../a.npy") is None


def test_a_refusal_is_no_failure_on_the_page(run, said):
    refused = {"op": "CAST", "reason": "not supported"}
    first, *others = said["files"]
    failed = {**next(iter(first["findings"].values())), "status": "fail"}
    gpu = {**failed, "check": "gpu", "reason": "1 operation was refused", "refusals": [refused]}
    wrong = {**failed, "check": "cpu-builtin", "reason": "numbers differ"}
    first = {**first, "findings": {**first["findings"], "gpu": gpu, "wrong": wrong}}
    why = Tables(page_of([RunPage(run, {**said, "files": [first, *others]})])).found["Why"]
    assert [[text for text, _ in row[:2]] for row in why[1:]] == [
        [f"{first['stage']} {first['mode']}, gpu", "refused"],
        [f"{first['stage']} {first['mode']}, cpu-builtin", "fail"],
    ]


@pytest.mark.parametrize("details", [None, {"format": 0, "files": 1}])
def test_a_run_without_details_says_what_is_missing(run, said, details):
    text = page_of([RunPage(run, {**said, "details": details})])
    assert "were not kept by this run" in text
    assert 'id="layers"' not in text
    assert 'id="files"' in text
