"""Every file of a run folder, damaged in each way: it is named, and nothing else is."""

import json
import os
import random
import subprocess
import sys

import pytest

from tfcompress.running.folder.whole import check_folder

FILES = (
    "1-baseline/model.keras",
    "1-baseline/outputs/0.npy",
    "1-baseline/stage.json",
    "2-pruned/model.keras",
    "2-pruned/outputs/0.npy",
    "2-pruned/stage.json",
    "checks/mine-pruned-int8.json",
    "checks/mine-pruned-int8/0.npy",
    "manifest.json",
    "recipe.json",
    "report.json",
    "report.md",
    "tflite/mine-pruned-int8.tflite",
)


def deleted(path, other):
    path.unlink()


def truncated(path, other):
    path.write_bytes(path.read_bytes()[:-1])


def flipped(path, other):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def of_another_run(path, other):
    path.write_bytes(other.read_bytes())


def of_another_shape(path, other):
    path.write_text(json.dumps({"files": [], "stages": 3}))


DAMAGES = (deleted, truncated, flipped, of_another_run, of_another_shape)


def test_the_list_above_is_every_file(made_run):
    root = made_run()
    assert sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()) == list(FILES)


def test_a_folder_as_it_was_written_is_whole(made_run):
    found = check_folder(made_run())
    assert (found.verdict, found.problems, found.num_files, found.others) == ("whole", (), len(FILES) - 1, ())
    assert found.manifest.stages["pruned"]["made_from"] == {"baseline": found.manifest.stages["baseline"]["model"]}


def test_the_log_of_a_run_is_no_foreign_file(made_run):
    root = made_run()
    (root / "run.log").write_text("I0000 oneDNN is on")
    assert (check_folder(root).verdict, check_folder(root).others) == ("whole", ())


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_named_and_no_other(made_run, name, damage):
    root, other = made_run(), made_run("other", salt="another")
    damage(root / name, other / name)
    found = check_folder(root)
    assert found.verdict == "damaged"
    named = [(problem.kind, problem.path) for problem in found.problems]
    if name == "manifest.json" and damage is of_another_run:  # which names other bytes under the same names
        assert {path for _, path in named} >= {"tflite/mine-pruned-int8.tflite", "report.json"}
    else:
        assert named == [("missing" if damage is deleted else "changed", name)]


@pytest.mark.parametrize("name", ["1-baseline/model.h5", "tflite/more.tflite", "checks/a.json", "3-more/stage.json"])
def test_a_foreign_file_is_named(made_run, name):
    root = made_run()
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text("{}")
    assert [(problem.kind, problem.path) for problem in check_folder(root).problems] == [("foreign", name)]


def test_what_else_lies_in_the_folder_is_no_fault(made_run):
    root = made_run()
    (root / "notes.txt").write_text("mine")
    (root / "earlier" / "x").mkdir(parents=True)
    (root / "earlier" / "x" / "stage.json").write_text("{}")
    (root / ".partial-4-more").write_text("half")
    (root / ".lock").write_text("")
    found = check_folder(root)
    assert (found.verdict, found.others) == ("whole", ("notes.txt",))


def test_a_file_in_the_place_of_a_folder_and_a_folder_in_that_of_a_file_are_named(made_run):
    root = made_run()
    (root / "report.md").unlink()
    (root / "report.md").mkdir()
    (root / "tflite" / "mine-pruned-int8.tflite").unlink()
    (root / "tflite").rmdir()
    (root / "tflite").write_text("")
    named = {(problem.kind, problem.path) for problem in check_folder(root).problems}
    assert named == {("changed", "report.md"), ("missing", "tflite/mine-pruned-int8.tflite")}


def test_a_link_to_the_same_bytes_is_no_plain_file(made_run, tmp_path):
    root = made_run()
    (root / "report.md").rename(tmp_path / "elsewhere.md")
    (root / "report.md").symlink_to(tmp_path / "elsewhere.md")
    (problem,) = check_folder(root).problems
    assert (problem.path, problem.how) == ("report.md", "is no plain file")


def test_a_manifest_cannot_point_out_of_the_folder(made_run):
    from tfcompress.running.folder.seals import sealed, unsealed

    root = made_run()
    value = unsealed((root / "manifest.json").read_text())
    value["files"]["../../etc/passwd"] = {"sha256": "", "bytes": 1}
    (root / "manifest.json").write_text(sealed(value))
    (problem,) = check_folder(root).problems
    assert (problem.path, problem.how) == ("manifest.json", "is of another form")


def test_a_run_that_is_not_finished_is_whole_so_far(made_run):
    found = check_folder(made_run(is_finished=False))
    assert (found.verdict, found.problems, found.manifest) == ("unfinished", (), None)
    assert found.num_files == 6  # two models, two outputs, a file and its outputs


@pytest.mark.parametrize("damage", [deleted, truncated, flipped, of_another_run])
@pytest.mark.parametrize("name", [name for name in FILES if name.endswith((".keras", ".npy", ".tflite"))])
def test_without_a_manifest_each_part_still_knows_its_files(made_run, name, damage):
    root, other = made_run(is_finished=False), made_run("other", salt="another", is_finished=False)
    damage(root / name, other / name)
    assert [problem.path for problem in check_folder(root).problems] == [name]


def test_a_run_that_was_killed_before_its_manifest_is_not_finished(made_run):
    root = made_run()
    (root / "manifest.json").unlink()
    assert [problem.path for problem in check_folder(root).problems] == ["manifest.json"]
    (root / ".lock").write_text('{"seconds": 3}')
    assert check_folder(root).verdict == "unfinished"


def test_a_file_whose_record_is_not_written_yet_is_no_fault(made_run):
    root = made_run(is_finished=False)
    (root / "checks" / "mine-pruned-int8.json").unlink()
    assert check_folder(root).verdict == "unfinished"


def test_an_empty_folder_is_no_run(tmp_path):
    assert check_folder(tmp_path).verdict == "unfinished"


def test_neither_tensorflow_nor_numpy_is_imported(made_run):
    code = (
        "import sys\nfrom pathlib import Path\nfrom tfcompress.cli.verify import main\n"
        "assert main([sys.argv[1]]) == 0\n"
        "assert not {'tensorflow', 'tf_keras', 'numpy', 'rich'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(made_run())], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Verdict: whole. 12 files, ")
    assert os.sep not in done.stderr


def test_no_mutation_of_a_record_is_an_error_of_ours(made_run):
    """Bits turned over, parts cut out or repeated, values of another type: named, whatever it is."""
    draw = random.Random(0)
    root = made_run()
    records = [root / name for name in FILES if name.endswith(".json")]
    sound = {path: path.read_bytes() for path in records}
    for number in range(300):
        path = records[number % len(records)]
        content = bytearray(sound[path])
        begin, end = sorted(draw.randrange(len(content)) for _ in range(2))
        if number % 3 == 0:
            content[begin] ^= 1 << draw.randrange(8)
        elif number % 3 == 1:
            del content[begin:end]
        else:
            content[begin:end] = draw.choice([b"null", b"[]", b"{}", b"1e999", b'"\\ud800"', b"\x00" * 9, b"[" * 3000])
        path.write_bytes(content)
        named = [problem.path for problem in check_folder(root).problems]
        assert bytes(content) == sound[path] or path.relative_to(root).as_posix() in named
        path.write_bytes(sound[path])
    assert check_folder(root).verdict == "whole"
