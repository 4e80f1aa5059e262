import json
import os

import pytest

from tfcompress.cli.verify import main
from tfcompress.running.store import Store


def test_a_whole_run_is_told_in_a_line(made_run, capsys):
    assert main([str(made_run())]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("Verdict: whole. 12 files, 0.0 MB are what was written, finished 20")
    assert (told.out.count("\n"), told.err) == (1, "")


def test_what_is_wrong_is_a_line_each_and_an_exit_code(made_run, capsys):
    root = made_run()
    (root / "report.md").unlink()
    (root / "2-pruned" / "model.keras").write_text("short")
    (root / "tflite" / "more\x1b[2J.tflite").write_text("x")
    (root / "notes.txt").write_text("mine")
    assert main([str(root)]) == 33
    told = capsys.readouterr()
    assert "missing  report.md\n" in told.out
    assert "changed  2-pruned/model.keras: 5 bytes, and 16 were written\n" in told.out
    assert "foreign  'tflite/more\\x1b[2J.tflite'\n" in told.out
    assert "other    notes.txt: of no run, left alone\n" in told.out
    assert told.err.startswith(
        f"tfcompress: {root} must be what its run wrote. Received: 1 changed, 1 missing, 1 foreign"
    )
    assert told.err.count("\n") == 1


def test_json_is_one_object(made_run, capsys):
    root = made_run()
    (root / "report.md").unlink()
    assert main([str(root), "--json"]) == 33
    told = json.loads(capsys.readouterr().out)
    assert told["verdict"] == "damaged"
    assert told["problems"] == [{"kind": "missing", "path": "report.md", "how": ""}]
    assert told["manifest"]["stages"]["baseline"]["num_cores"] == 2


@pytest.mark.parametrize("is_there", [True, False])
def test_a_folder_without_a_finished_run_has_its_own_exit_code(made_run, tmp_path, capsys, is_there):
    root = made_run(is_finished=False) if is_there else tmp_path / "nowhere"
    assert main([str(root)]) == 34
    assert "6 whole files and no manifest" in (err := capsys.readouterr().err) or f"{root}. There is no folder" in err


def test_a_run_at_work_is_not_judged(made_run, capsys):
    store = Store(made_run())
    store.open(command="tfcompress recipe mine")
    assert main([str(store.root)]) == 32
    assert f"process {os.getpid()} on" in capsys.readouterr().err
    store.close()
    assert main([str(store.root)]) == 0


def test_without_a_folder_the_help_is_an_error(capsys):
    assert main([]) == 2
    assert "exit codes" in capsys.readouterr().err


def test_a_file_is_called_one(tmp_path, capsys):
    (tmp_path / "my.keras").write_text("")
    assert main([str(tmp_path / "my.keras")]) == 34
    assert capsys.readouterr().err.endswith("my.keras. It is a file. Give one that a run wrote.\n")


def test_an_empty_name_is_not_the_current_folder(capsys):
    with pytest.raises(SystemExit) as ended:
        main([""])
    assert ended.value.code == 2
    assert "argument RUN: it is empty: name a run folder" in capsys.readouterr().err
