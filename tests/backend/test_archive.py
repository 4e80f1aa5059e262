"""The copy of a .keras file that Python 3.12 and newer can read: the same members, compressed."""

import sys
import zipfile

from tfcompress.backend import archive


def test_members_are_the_same_and_compressed(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 12))
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("config.json", "{}" * 100)
    with archive.readable(path) as copy, zipfile.ZipFile(copy) as read:
        assert copy.name == path.name and copy != path
        assert read.read("config.json") == b"{}" * 100
        assert read.getinfo("config.json").compress_type == zipfile.ZIP_DEFLATED
    assert not copy.exists()


def test_older_pythons_read_the_file_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 11))
    with archive.readable(tmp_path / "model.keras") as path:
        assert path == tmp_path / "model.keras"
