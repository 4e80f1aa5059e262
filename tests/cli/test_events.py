"""Events for programs: one line of JSON each, and nothing else on stdout."""

import io
import json
import math
import subprocess
import sys

import pytest

from tfcompress.cli.events import Events


def of(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_task_begins_and_ends_and_says_how_long_it_will_take():
    seconds = iter([0.0, 2.0, 2.5, 10.0, 11.0])
    stream = io.StringIO()
    with Events(stream, lambda: next(seconds)).task("baseline", 100) as advance:
        advance(20, "loss 0.5")
        advance(25, "too soon after the last one")
        advance(100, "loss 0.1")
    begin, first, last, end = of(stream)
    assert begin == {"event": "begin", "task": "baseline", "total": 100}
    # 20 of 100 in two seconds: eight more
    assert first == {
        **{"event": "progress", "task": "baseline", "done": 20, "total": 100, "seconds_left": 8.0, "note": "loss 0.5"}
    }
    assert (last["done"], last["seconds_left"]) == (100, 0.0)
    assert end == {"event": "end", "task": "baseline", "seconds": 11.0}


def test_numbers_that_are_none_are_null():
    stream = io.StringIO()
    Events(stream).emit("report", values=[math.nan, math.inf, 1.5])
    assert of(stream) == [{"event": "report", "values": [None, None, 1.5]}]


def command(tmp_path, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "tfcompress.recipe", *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=600,
    )


def test_an_error_is_an_event_and_a_line_on_stderr(tmp_path):
    done = command(tmp_path, "cifar10", "--json", "--data-dir", "nowhere", "--out", "run")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == events[-1]["exit_code"] == 20
    assert events[-1]["event"] == "error"
    assert f"tfcompress: {events[-1]['message']}" in done.stderr


def test_quiet_and_json_exclude_each_other(tmp_path):
    done = command(tmp_path, "digits", "--json", "--quiet")
    assert done.returncode == 2 and "exclude each other" in done.stderr


@pytest.mark.slow
def test_a_run_is_events_alone_and_its_noise_is_in_the_log(tmp_path):
    arguments = ("digits", "--smoke", "--json", "--out", "run", "--tensorboard", "logs")
    done = command(tmp_path, *arguments)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert {"message", "begin", "end", "report"} <= {event["event"] for event in events}
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert events[-1 if done.returncode == 0 else -2]["verdict"] == report["verdict"]
    assert "tensorflow/" not in done.stderr and "XNNPACK" not in done.stderr
    assert list((tmp_path / "logs").glob("*/events.out.tfevents.*"))
    assert (tmp_path / "run" / "card.md").read_text().startswith("---\n")
    verified = subprocess.run(
        [sys.executable, "-m", "tfcompress.verify", "run"], cwd=tmp_path, capture_output=True, text=True
    )
    assert verified.returncode == 0 and "other" not in verified.stdout, verified.stdout
    quiet = command(tmp_path, "digits", "--smoke", "--quiet", "--out", "run")
    assert "Verdict" in quiet.stdout
    assert [line for line in quiet.stderr.splitlines() if not line.startswith("tfcompress:")] == []
