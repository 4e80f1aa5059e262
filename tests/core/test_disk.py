import errno
import os
import re
import tempfile

import pytest

from tfcompress.core import disk
from tfcompress.core.disk import output_errors, resource_error
from tfcompress.core.errors import FileTooLarge, OutOfMemory, OutputFull, TemporaryFull


def system(number, name=None):
    return OSError(number, os.strerror(number), name)


class ResourceExhaustedError(Exception):
    """As TensorFlow calls its own."""


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
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


@pytest.mark.parametrize("error", [ValueError("memory"), system(errno.ENOENT, "x"), ResourceExhaustedError("quota")])
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
