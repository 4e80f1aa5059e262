import errno
import os
import subprocess
from pathlib import Path

import pytest

from tfcompress.core.errors import OutputFull, OutputNotWritable, RunLocked
from tfcompress.running.folder.whole import check_folder
from tfcompress.running.store import PARTIAL, Store


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "run")
    store.open()
    return store


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 2 MiB."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(tmp_path)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a small file system cannot be mounted here: {error}")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def names(store):
    """All that is in the folder, but for its lock."""
    return sorted(str(path.relative_to(store.root)) for path in store.root.rglob("*") if path.name != ".lock")


def test_open_makes_the_folder_and_those_above_it(tmp_path):
    Store(tmp_path / "a" / "b").open()
    assert (tmp_path / "a" / "b").is_dir()
    assert names(Store(tmp_path / "a" / "b")) == []


def test_a_text_is_read_back(store):
    store.write_text("a/b.txt", "é")
    assert (store.root / "a" / "b.txt").read_bytes() == b"\xc3\xa9"


def test_json_is_read_back(store):
    store.write_json("a.json", {"b": [1, None, "é"]})
    assert store.read_json("a.json") == {"b": [1, None, "é"]}


@pytest.mark.parametrize("content", [None, b"", b'{"a": ', b"\xff\xfe"])
def test_json_that_is_not_there_or_not_whole_is_none(store, content):
    if content is not None:
        (store.root / "a.json").write_bytes(content)
    assert store.read_json("a.json") is None


def test_nothing_has_the_final_name_while_the_block_runs(store):
    with store.writing("a.txt") as path:
        path.write_text("half")
        made = path.stat().st_ino
        assert not (store.root / "a.txt").exists()
    assert names(store) == ["a.txt"]
    assert (store.root / "a.txt").stat().st_ino == made  # renamed: a copy would be half there for a moment


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
def test_a_block_that_raises_leaves_nothing(store, error):
    with pytest.raises(type(error)), store.writing("a.txt") as path:
        path.write_text("half")
        raise error
    assert names(store) == []


def test_a_block_that_raises_leaves_what_was_there(store):
    store.write_text("a.txt", "old")
    with pytest.raises(ValueError), store.writing("a.txt") as path:
        path.write_text("new")
        raise ValueError
    assert (store.root / "a.txt").read_text() == "old"
    assert names(store) == ["a.txt"]


def test_a_folder_takes_the_place_of_the_old_one(store):
    for content in ("old", "new"):
        with store.writing("stage") as path:
            path.mkdir()
            (path / content).write_text(content)
    assert names(store) == ["stage", "stage/new"]


def test_a_folder_whose_block_raises_leaves_nothing(store):
    with pytest.raises(ValueError), store.writing("stage") as path:
        path.mkdir()
        (path / "model").write_text("half")
        raise ValueError
    assert names(store) == []


def test_a_block_that_writes_nothing_is_an_error(store):
    with pytest.raises(FileNotFoundError), store.writing("a.txt"):
        pass
    assert names(store) == []


def test_open_sweeps_what_a_killed_run_left(store):
    store.write_text("tflite/model", "whole")
    (store.root / f"{PARTIAL}report.json").write_text("half")
    (store.root / "tflite" / f"{PARTIAL}x").write_text("half")
    (store.root / f"{PARTIAL}2-pruned").mkdir()
    (store.root / f"{PARTIAL}2-pruned" / f"{PARTIAL}model").write_text("half")
    store.open()
    assert names(store) == ["tflite", "tflite/model"]


def test_open_leaves_alone_what_no_run_made(store):
    """`--out ~` and `--fresh` must not tidy up somebody's home."""
    deep = store.root / "photos" / f"{PARTIAL}draft"
    deep.parent.mkdir()
    deep.write_text("the user's own")
    store.write_text("1-baseline/stage.json", "{}")
    store.open(fresh=True)
    assert deep.read_text() == "the user's own"
    assert not (store.root / "1-baseline").exists()


def test_retire_moves_and_keeps(store):
    store.write_text("a.txt", "first")
    store.retire("a.txt")
    store.write_text("a.txt", "second")
    store.retire("a.txt")  # in the same second, as like as not
    kept = sorted(path.read_text() for path in (store.root / "earlier").glob("*/a.txt"))
    assert kept == ["first", "second"]
    assert not (store.root / "a.txt").exists()


def test_retire_of_what_is_not_there_does_nothing(store):
    store.retire("a.txt")
    assert names(store) == []


def test_retire_of_a_nested_file_keeps_its_place(store):
    store.write_text("tflite/a.tflite", "x")
    store.retire("tflite/a.tflite")
    assert [path.read_text() for path in (store.root / "earlier").glob("*/tflite/a.tflite")] == ["x"]


def test_fresh_moves_everything_to_earlier(store):
    store.write_text("report.md", "old")
    store.write_text("1-baseline/stage.json", "old")
    store.retire("report.md")
    store.write_text("report.md", "newer")
    store.open(fresh=True)
    assert sorted(path.name for path in store.root.iterdir()) == [".lock", "earlier"]
    assert sorted(path.read_text() for path in store.root.rglob("report.md")) == ["newer", "old"]


def test_open_without_fresh_keeps_everything(store):
    store.write_text("report.md", "old")
    store.open()
    assert names(store) == ["report.md"]


def below_a_file(tmp_path):
    (tmp_path / "file").write_text("x")
    return tmp_path / "file" / "run"


def at_a_file(tmp_path):
    (tmp_path / "file").write_text("x")
    return tmp_path / "file"


def with_too_long_a_name(tmp_path):
    return tmp_path / ("x" * 300)


def in_a_folder_of_the_kernel(tmp_path):
    """On a file system that has no free space, and refuses all the same: a read-only image is another."""
    return Path("/proc/run") if Path("/proc/self").exists() else pytest.skip("no /proc here")


@pytest.mark.parametrize("place", [below_a_file, at_a_file, with_too_long_a_name, in_a_folder_of_the_kernel])
def test_a_folder_that_cannot_be_made_is_not_writable(place, tmp_path):
    root = place(tmp_path)
    with pytest.raises(OutputNotWritable) as caught:
        Store(root).open()
    assert str(caught.value).startswith(f"{root} cannot be written: ")
    assert str(caught.value).endswith("Choose a folder of your own with --out DIR.")


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_a_refused_write_is_not_writable(store, number):
    with pytest.raises(OutputNotWritable), store.writing("a.txt"):
        raise OSError(number, os.strerror(number))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_with_what_to_do(store, number):
    told = "No space left on the disk of .*/run. Finished stages are kept"
    with pytest.raises(OutputFull, match=told), store.writing("a.txt") as path:
        path.write_text("half")
        raise OSError(number, os.strerror(number))
    assert names(store) == []


def test_another_error_of_the_system_stays_what_it_is(store):
    with pytest.raises(FileNotFoundError), store.writing("a.txt"):
        raise FileNotFoundError(errno.ENOENT, "gone")


def test_words_about_writing_alone_are_no_full_disk(store):
    with pytest.raises(RuntimeError, match="unable to parse"), store.writing("a.txt"):
        raise RuntimeError("unable to parse")  # this disk has space


def test_a_disk_that_is_full_is_told_and_nothing_half_written_stays(small_disk):
    store = Store(small_disk / "run")
    store.open()
    store.write_text("small.txt", "x")
    with pytest.raises(OutputFull), store.writing("big.bin") as path:
        path.write_bytes(bytes(3 << 20))
    assert names(store) == ["small.txt"]
    store.close()


def test_a_library_that_hides_the_full_disk_is_seen_through(small_disk):
    """h5py, when it cannot write, raises OSError without an errno."""
    store = Store(small_disk / "run")
    store.open()
    filler = small_disk / "filler"
    with pytest.raises(OSError), open(filler, "wb") as stream:
        stream.write(bytes(3 << 20))
    with pytest.raises(OutputFull), store.writing("model.h5"):
        raise OSError("Can't write data (file write failed)")
    store.close(is_finished=True)


def test_a_model_on_a_full_disk_is_told(small_disk):
    from tfcompress.backend.tensorflow import keras
    from tfcompress.models_io.copying import save_model

    model = keras.Sequential([keras.Input((800,)), keras.layers.Dense(800)])  # 2.4 MiB
    store = Store(small_disk / "run")
    store.open()
    for suffix in (".keras", ".h5"):
        with pytest.raises(OutputFull), store.writing("stage") as path:
            path.mkdir()
            save_model(model, path / f"model{suffix}")
        assert names(store) == []
    store.close()


def test_a_second_store_is_refused_until_the_first_is_closed(store):
    with pytest.raises(RunLocked, match=f"process {os.getpid()} on"):
        Store(store.root).open()
    store.close()
    other = Store(store.root)
    other.open()
    assert names(other) == []


def test_open_does_not_sweep_through_a_link(store, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / f"{PARTIAL}draft").write_text("the user's own")
    (store.root / "tflite").symlink_to(tmp_path / "elsewhere")
    (store.root / f"{PARTIAL}x").symlink_to(tmp_path / "elsewhere")
    store.open()
    assert (tmp_path / "elsewhere" / f"{PARTIAL}draft").read_text() == "the user's own"
    assert names(store) == ["tflite"]


def test_a_link_in_the_place_of_what_is_written_is_replaced_and_not_followed(store, tmp_path):
    (tmp_path / "own.txt").write_text("the user's own")
    (store.root / f"{PARTIAL}a.txt").symlink_to(tmp_path / "own.txt")
    (store.root / "a.txt").symlink_to(tmp_path / "own.txt")
    (store.root / "stage").symlink_to(tmp_path / "nowhere")
    store.write_text("a.txt", "new")
    with store.writing("stage") as path:
        path.mkdir()
    assert (tmp_path / "own.txt").read_text() == "the user's own"
    assert (store.root / "a.txt").read_text() == "new"
    assert not (store.root / "stage").is_symlink()


def test_a_folder_in_the_place_of_a_file_is_moved_away(store):
    (store.root / "report.json").mkdir()
    (store.root / "report.json" / "mine").write_text("the user's own")
    store.write_json("report.json", {})
    assert store.read_json("report.json") == {}
    assert [path.read_text() for path in store.root.glob("earlier/*/report.json/mine")] == ["the user's own"]


def test_json_that_was_edited_is_none(store):
    store.write_json("a.json", {"accuracy": 0.5})
    path = store.root / "a.json"
    path.write_text(path.read_text().replace("0.5", "0.9"))
    assert store.read_json("a.json") is None


def test_the_first_change_takes_away_what_was_said_of_the_whole(made_run):
    store = Store(made_run())
    store.open()
    store.write_text("report.md", (store.root / "report.md").read_text())
    assert (store.has_changed, (store.root / "manifest.json").exists(), store.seconds) == (False, True, 1.0)
    store.retire("2-pruned")
    assert store.has_changed
    left = {path.name for path in store.root.iterdir()}
    assert not left & {"manifest.json", "report.json", "report.md"}
    assert {path.name for path in store.root.glob("earlier/*/*")} == {"2-pruned", "report.json", "report.md"}
    assert 1.0 <= store.seconds < 60


def test_a_changed_setting_takes_it_away_too(made_run):
    store = Store(made_run())
    store.open()
    store.write_json("recipe.json", {"recipe": "mine", "settings": {"salt": "another"}})
    assert check_folder(store.root).verdict == "unfinished"


def test_a_report_that_is_written_anew_has_no_manifest_until_it_is_whole(made_run):
    store = Store(made_run())
    store.open()
    store.write_text("report.md", "another")
    assert not (store.root / "manifest.json").exists()
    assert (store.has_changed, check_folder(store.root).verdict) == (False, "unfinished")


def test_what_no_part_of_the_run_owns_is_moved_to_earlier(made_run):
    store = Store(made_run())
    store.open()
    for name in ("1-baseline/model.h5", "tflite/old.tflite", "4-old/stage.json", "notes.txt"):
        (store.root / name).parent.mkdir(exist_ok=True)
        (store.root / name).write_text("x")
    owned = [name for name in check_folder(store.root).manifest.files]
    assert sorted(store.retire_others(owned)) == ["1-baseline/model.h5", "4-old", "tflite/old.tflite"]
    assert check_folder(store.root).problems == ()
    assert (store.root / "notes.txt").exists()
