import dataclasses
import io
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from tfcompress.cli import terminal
from tfcompress.core.tasks.task import ACCURACY
from tfcompress.core.types import Advice, Finding, Latency
from tfcompress.measuring.measure import Measurement
from tfcompress.running.records import FileRecord, StageRecord
from tfcompress.running.report import Report, headings

PASSED = Finding("cpu-xnnpack", "pass", metrics={"accuracy": 0.975}, latency=Latency(0.25, 0.5, 1000, 1))
NO_GPU = Finding("gpu", "not run", "no driver [GL] was found", "Run scripts/install_software_gpu.")
WRONG = Finding("cpu-builtin", "fail", "top-1 agreement with keras is 50.0%")


def report(*findings):
    measurement = Measurement(13_706, 20_000, (), 0.0, {}, False)
    metrics = {"accuracy": 0.98}
    stage = StageRecord(
        *("baseline", "", "", {}, "", 1, 1.0, metrics, 360, measurement, {}, (), (), {}), metric_kinds=(ACCURACY,)
    )
    named = {str(number): finding for number, finding in enumerate(findings)}
    first = FileRecord("baseline", "float32", "a.tflite", "", "", 60_000, 50_000, 0.0, (), named)
    second = dataclasses.replace(first, mode="int8", raw_bytes=15_000, zipped_bytes=10_000, sparsity=0.25)
    return Report("digits", "", "", {}, {}, {}, "", 1.0, (stage,), (first, second))


@pytest.fixture
def printed(monkeypatch):
    """What is printed of a report on a terminal of so many columns."""

    def show(width, *findings):
        stream = io.StringIO()
        monkeypatch.setattr(terminal, "RESULTS", Console(file=stream, width=width, highlight=False))
        terminal.print_report(report(*findings), Path("runs/x"))
        return stream.getvalue()

    return show


def test_a_wide_terminal_shows_the_whole_table(printed):
    text = printed(200, PASSED)
    for heading in headings(report(PASSED)):
        assert heading in text
    assert "0.250 (0.500)" in text


def test_80_columns_show_the_gist(printed):
    lines = printed(80, PASSED, NO_GPU).splitlines()
    table = [line for line in lines if line.split()[:1] in (["variant"], ["baseline"])][:3]
    assert len(table) == 3
    assert max(map(len, table)) <= 80
    assert table[0].split() == ["variant", "accuracy", "bytes", "zipped", "zeros", "ms", "CPU", "GPU"]
    cells = ["baseline", "int8", "97.50%", "15,000", "10,000", "25.0%", "0.250", "pass", "not", "run"]
    assert table[2].split() == cells


def test_what_was_gained_and_the_verdict_and_where_the_report_lies_are_told(printed):
    lines = printed(80, PASSED).splitlines()
    # 60,000 / 15,000 and 50,000 / 10,000
    gained = "baseline int8 against baseline float32: 4.0x smaller, 5.0x smaller zipped, accuracy +0.00 points"
    assert gained in lines
    assert lines[-1] == "Verdict: pass. Report: runs/x/report.html"


def test_what_was_not_run_is_told_once_with_what_to_do(printed):
    text = printed(80, PASSED, NO_GPU)
    assert text.count("Not run: no driver [GL] was found. Run scripts/install_software_gpu.\n") == 1


def test_failures_are_told_and_the_verdict_is_fail(printed):
    text = printed(80, PASSED, WRONG)
    assert "Fails: a.tflite: cpu-builtin: top-1 agreement with keras is 50.0%\n" in text
    assert "Verdict: fail." in text


@pytest.fixture
def messages(monkeypatch):
    def on(is_terminal):
        stream = io.StringIO()
        monkeypatch.setattr(terminal, "MESSAGES", Console(file=stream, force_terminal=is_terminal, width=80))
        return stream

    return on


@pytest.mark.parametrize("total", [10, None])
def test_without_a_terminal_a_task_is_one_line(messages, total):
    stream = messages(False)
    with terminal.TerminalProgress().task("export [int8]", total) as advance:
        advance(5, "loss 0.5")
    assert stream.getvalue() == "export [int8] ...\n"


@pytest.mark.parametrize("total", [10, None])
def test_on_a_terminal_a_task_is_a_bar_that_goes_away(messages, total):
    stream = messages(True)
    with terminal.TerminalProgress().task("baseline [1]", total) as advance:
        advance(5, "loss 0.5")
    assert "baseline [1]" in stream.getvalue()
    assert "baseline [1] ..." not in stream.getvalue()
    assert stream.getvalue().endswith("\x1b[2K")  # the line is erased


def test_messages_are_printed_as_they_are(messages):
    stream = messages(False)
    terminal.TerminalProgress().say("a [b] 12 " + "x" * 100)
    assert stream.getvalue().replace("\n", "") == "a [b] 12 " + "x" * 100


def test_at_most_three_pieces_of_advice_stand_before_the_verdict(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(terminal, "RESULTS", Console(file=stream, width=80, highlight=False))
    advice = tuple(Advice("x", f"Sentence {number}.") for number in range(4))
    terminal.print_report(dataclasses.replace(report(PASSED), advice=advice), Path("runs/x"))
    lines = stream.getvalue().splitlines()
    assert lines[-4:-1] == ["Advice: Sentence 0.", "Advice: Sentence 1.", "Advice: Sentence 2."]


@pytest.mark.parametrize(("is_terminal", "without_colour", "escapes"), [(True, False, True), (True, True, False)])
def test_there_is_no_colour_where_nobody_wants_it(monkeypatch, is_terminal, without_colour, escapes):
    monkeypatch.delenv("NO_COLOR", raising=False)
    if without_colour:
        monkeypatch.setenv("NO_COLOR", "1")
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=is_terminal, color_system="standard", width=80, highlight=False)
    console.print("text", style="red")
    assert ("\x1b[31m" in stream.getvalue()) == escapes


def test_without_a_terminal_the_table_has_no_escape_codes(printed):
    assert "\x1b" not in printed(80, PASSED)


def test_a_long_name_leaves_the_table_in_80_columns(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(terminal, "RESULTS", Console(file=stream, width=80, highlight=False))
    long = report(PASSED)
    files = tuple(dataclasses.replace(each, mode="int8_per_tensor_float_io_unrolled_int4") for each in long.files)
    terminal.print_report(dataclasses.replace(long, files=files), Path("runs/x"))
    table = stream.getvalue().split("baseline int8_per_tensor_float_io_unrolled_int4 against")[0]
    assert max(map(len, table.splitlines())) <= 80


@pytest.mark.parametrize(("code", "warned"), [("", False), ("import atexit; atexit._clear()", True)])
def test_the_copy_of_stderr_is_closed_at_the_end(code, warned):
    script = f"from tfcompress.cli import terminal\nterminal.MESSAGES.print('heard')\n{code}"
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stderr.startswith("heard\n")
    assert ("ResourceWarning" in done.stderr) == warned
