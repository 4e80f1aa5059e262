import errno
import os
import re
import tempfile
from pathlib import Path

import pytest

from tfcompress.core import disk
from tfcompress.core.disk import output_errors, require_writable, resource_error
from tfcompress.core.errors import FileTooLarge, OutOfMemory, OutputFull, OutputNotWritable, TemporaryFull


def system(number, name=None):
    return OSError(number, os.strerror(number), name)


class ResourceExhaustedError(Exception):
    """As TensorFlow calls its own."""


class OutOfRangeError(Exception):
    """As TensorFlow calls what a disk says, too."""

    __module__ = "tensorflow.python.framework.errors_impl"


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (OutOfRangeError("{{node Save}} /data/x/variables; File too large [Op:Save]"), FileTooLarge, "^/data/x/vari"),
        (OSError("Can't write (errno = 27, error message = 'File too large')"), FileTooLarge, "^A file must be"),
        (OutOfRangeError("{{node Save}} /data/x; No space left on device [Op:Save]"), OutputFull, "No space left"),
        (OSError("Can't write (errno = 28, error message = 'No space left on device')"), OutputFull, "No space left"),
        (system(errno.EFBIG, "big.npy"), FileTooLarge, "big.npy must be within .*ulimit -f"),
        (system(errno.EFBIG), FileTooLarge, "A file must be within"),
        (MemoryError("Unable to allocate 3 GiB"), OutOfMemory, "none left .Unable to allocate 3 GiB."),
        (system(errno.ENOMEM), OutOfMemory, "Cannot allocate memory"),
        (ResourceExhaustedError("OOM when allocating tensor"), OutOfMemory, "OOM when allocating"),
        (system(errno.ENOSPC, f"{tempfile.gettempdir()}/x/y"), TemporaryFull, "in .* TMPDIR"),
        (
            ResourceExhaustedError(f"{{Save}} {tempfile.gettempdir()}/tfcompress-x/variables; No space left on device"),
            *(TemporaryFull, "in .* TMPDIR"),
        ),
        (system(errno.EDQUOT, "/data/x"), OutputFull, "on the disk of /data/x"),
    ],
)
def test_what_the_machine_lacks_is_told_whatever_raised_it(error, kind, words):
    outer = RuntimeError("traced")
    outer.__cause__ = error
    for raised in (error, outer):
        found = resource_error(raised)
        assert type(found) is kind
        assert re.search(words, str(found))


@pytest.mark.parametrize(
    "error",
    [
        *(ValueError("memory"), ValueError("File too large"), system(errno.ENOENT, "x")),
        *(ResourceExhaustedError("quota"), OutOfRangeError("End of sequence")),
    ],
)
def test_any_other_error_is_none_of_these(error):
    assert resource_error(error) is None


def test_a_full_disk_of_temporary_files_is_not_taken_for_that_of_the_run(tmp_path, monkeypatch):
    name = f"{tempfile.gettempdir()}/tfcompress-x/0.npy"
    with pytest.raises(TemporaryFull, match="TMPDIR"), output_errors(tmp_path / "run"):
        raise system(errno.ENOSPC, name)
    monkeypatch.setattr(disk, "_is_full", lambda place: str(place) == tempfile.gettempdir())
    with pytest.raises(TemporaryFull), output_errors(tmp_path / "run"):
        raise system(errno.ENOSPC)  # as a write into an open file has it
    monkeypatch.setattr(disk, "_is_full", lambda place: str(place) != tempfile.gettempdir())
    with pytest.raises(OutputFull), output_errors(tmp_path / "run"):
        raise system(errno.ENOSPC)


@pytest.mark.parametrize(
    ("name", "is_folder", "words"),
    [
        ("file", True, "--to must be a folder. Received: .*file, a file"),
        ("file/below", True, "file/below cannot be written: Not a directory. Choose another with --to"),
        ("folder", False, "--to must be a file. Received: .*folder, a folder"),
        ("nowhere/file", False, "No such file or directory"),
        ("x" * 300, True, "File name too long"),
        ("dangling/below", True, "dangling/below cannot be written"),
    ],
)
def test_a_place_that_cannot_be_written_is_found_before_the_work(tmp_path, name, is_folder, words):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    with pytest.raises(OutputNotWritable, match=words):
        require_writable(tmp_path / name, "--to", is_folder)


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="there is no /proc, which takes no file")
def test_a_folder_that_takes_no_file_is_found_before_the_work():
    with pytest.raises(OutputNotWritable, match="/proc/new cannot be written"):
        require_writable(Path("/proc/new"), "--to")


@pytest.mark.parametrize(("name", "is_folder"), [("new/run", True), (".", True), ("new", False), ("file", False)])
def test_a_place_that_can_be_written_is_left_as_it_was(tmp_path, name, is_folder):
    (tmp_path / "file").write_text("mine")
    require_writable(tmp_path / name, "--to", is_folder)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "mine"


class PermissionDeniedError(Exception):
    """As TensorFlow calls its own."""

    __module__ = "tensorflow.python.framework.errors_impl"


def test_what_tensorflow_was_refused_is_a_line(tmp_path):
    refused = pytest.raises(OutputNotWritable, match="Permission denied. Choose another.")
    with refused, output_errors(tmp_path, fix="Choose another."):
        raise PermissionDeniedError("logs/events.out; Permission denied")
    with pytest.raises(PermissionDeniedError), output_errors(tmp_path):
        raise PermissionDeniedError("of another kind")
    with pytest.raises(ValueError), output_errors(tmp_path):
        raise ValueError("Permission denied, says a model")
