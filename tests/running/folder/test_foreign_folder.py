"""A run folder that somebody made on purpose: `verify` comes to an end, in words, whatever lies in it."""

import os
import subprocess
import sys

import pytest

from tfcompress.cli.verify import main
from tfcompress.running.folder.seals import MOST_BYTES, sealed, unsealed
from tfcompress.running.folder.whole import check_folder
from tfcompress.running.store import Store


@pytest.mark.parametrize(
    ("name", "is_finished", "code"),
    [
        ("manifest.json", True, 33),
        ("report.md", True, 33),
        ("2-pruned/stage.json", False, 33),
        ("tflite/mine-pruned-int8.tflite", False, 33),
        (".lock", True, 0),
    ],
)
def test_a_pipe_under_any_name_is_named_and_not_waited_for(made_run, name, is_finished, code):
    """In a process of its own, which the time limit ends: whoever opens a pipe waits for somebody to write."""
    root = made_run(is_finished=is_finished)
    (root / name).unlink(missing_ok=True)
    os.mkfifo(root / name)
    verify = "import sys\nfrom tfcompress.cli.verify import main\nsys.exit(main([sys.argv[1]]))"
    done = subprocess.run([sys.executable, "-c", verify, str(root)], capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stderr
    assert (f"{name}: is no plain file" in done.stdout) == (code == 33)


def test_a_record_without_end_is_not_read(made_run):
    root = made_run()
    os.truncate(root / "manifest.json", MOST_BYTES + 1)  # of zeros, which take no place on the disk
    (problem,) = [problem for problem in check_folder(root).problems if problem.path == "manifest.json"]
    assert problem.how == f"has {MOST_BYTES + 1:,} bytes, and no record has more than {MOST_BYTES:,}"
    os.truncate(root / "2-pruned" / "stage.json", MOST_BYTES + 1)
    assert Store(root).read_json("2-pruned/stage.json") is None


def test_a_record_that_is_a_link_is_not_followed(made_run):
    root = made_run()
    (root / "manifest.json").rename(root.parent / "elsewhere.json")
    (root / "manifest.json").symlink_to(root.parent / "elsewhere.json")
    (problem,) = check_folder(root).problems
    assert (problem.path, problem.how) == ("manifest.json", "is no plain file")


@pytest.mark.parametrize(
    "change",
    [
        {"files": []},
        {"files": {"report.md": 3}},
        {"files": {"report.md": {"sha256": "0"}}},
        {"files": {"report.md": {"sha256": "0", "bytes": "many"}}},
        {"files": {"report.md": {"sha256": [], "bytes": 1}}},
        {"files": {"": {"sha256": "0", "bytes": 1}}},
        {"files": {"a\0b": {"sha256": "0", "bytes": 1}}},
        {"files": {"a\ud800b": {"sha256": "0", "bytes": 1}}},
        {"about": 3},
        {"about": {"command": ["x"]}},
        {"stages": {"baseline": 3}},
        {"stages": []},
        {"data": None},
        {"seconds": "long"},
        {"finished": {}},
        {"format": 2},
        {"more": 1},
    ],
)
def test_a_manifest_of_another_form_with_a_right_seal_is_named(made_run, capsys, change):
    root = made_run()
    value = unsealed((root / "manifest.json").read_text())
    (root / "manifest.json").write_text(sealed({**value, **change}))
    assert main([str(root)]) == 33
    told = capsys.readouterr()
    assert told.out.startswith("changed  manifest.json: is of another form\n")
    assert "Traceback" not in told.err
    assert told.err.count("\n") == 1


@pytest.mark.parametrize("name", ["a\0b", "a\ud800b", "../a", "x" * 5000])
def test_a_record_that_names_no_possible_file_is_no_error_of_ours(made_run, name):
    root = made_run(is_finished=False)
    value = unsealed((root / "2-pruned" / "stage.json").read_text())
    (root / "2-pruned" / "stage.json").write_text(sealed({**value, "files": {name: "0", "model.keras": "0"}}))
    named = [problem.path for problem in check_folder(root).problems]
    assert "2-pruned/model.keras" in named
    assert len(named) == 1 + (len(name) == 5000)


def test_what_a_manifest_says_does_nothing_to_a_terminal(made_run, capsys):
    root = made_run()
    value = unsealed((root / "manifest.json").read_text())
    value["about"]["command"] = value["finished"] = "\x1b[2J\x1b]0;owned\x07"
    (root / "manifest.json").write_text(sealed(value))
    assert main([str(root)]) == 0
    (root / "report.md").unlink()
    assert main([str(root)]) == 33
    told = capsys.readouterr()
    assert "\x1b" not in told.out + told.err
    assert "\\x1b[2J" in told.out
    assert "\\x1b[2J" in told.err
