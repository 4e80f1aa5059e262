import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tfcompress.core import temporaries
from tfcompress.core.temporaries import in_temporary_folder, own_temporaries, place, sweep, temporary_folder

KILLED = """
import os, signal
from pathlib import Path
from tfcompress.core.temporaries import temporary_folder
folder = temporary_folder("work")
(folder / "inner").mkdir()
(folder / "inner" / "file").write_text("half")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_a_killed_process_left_is_swept_and_nothing_else(tmp_path):
    subprocess.run([sys.executable, "-c", KILLED], check=False)
    (left,) = names(tmp_path)
    mine = temporary_folder("mine")
    (tmp_path / "tfcompress-of-the-user").mkdir()
    dead = left.split("-")[2]
    (tmp_path / f"tfcompress-00000000-{dead}-elsewhere-x").mkdir()  # the same number in another container
    (tmp_path / f"tfcompress-{place()}-{dead}-file").write_text("a file")
    assert sweep() == 2
    assert names(tmp_path) == sorted([mine.name, "tfcompress-of-the-user", f"tfcompress-00000000-{dead}-elsewhere-x"])


def test_a_link_is_removed_and_not_followed(tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("the user's own")
    (tmp_path / f"tfcompress-{place()}-999999999-x").symlink_to(tmp_path / "precious")
    assert sweep() == 1
    assert names(tmp_path) == ["precious"]
    assert names(tmp_path / "precious") == ["file"]


def test_another_users_are_left(tmp_path, monkeypatch):
    (tmp_path / f"tfcompress-{place()}-999999999-x").mkdir()
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert sweep() == 0


def test_a_folder_goes_with_its_block(tmp_path):
    with pytest.raises(ValueError), in_temporary_folder("block") as folder:
        (folder / "file").write_text("x")
        raise ValueError
    assert names(tmp_path) == []


def test_a_command_puts_everything_into_one_folder_which_goes_with_it(tmp_path):
    with own_temporaries():
        inner = Path(tempfile.gettempdir())
        assert inner.parent == tmp_path
        _, by_library = tempfile.mkstemp()
        child = subprocess.run(
            [sys.executable, "-c", "import tempfile; print(tempfile.mkdtemp())"], capture_output=True, text=True
        )
        assert {Path(by_library).parent, Path(child.stdout.strip()).parent} == {inner}
    assert names(tmp_path) == []
    assert (tempfile.gettempdir(), os.environ["TMPDIR"]) == (str(tmp_path), str(tmp_path))


def test_a_place_is_not_the_same_after_a_restart(monkeypatch):
    here = place()
    monkeypatch.setattr(temporaries.socket, "gethostname", lambda: "another")
    assert place.__wrapped__() != here
