"""The copy of a .keras file that Python 3.12 and newer can read: the same members, compressed."""

import json
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


def test_equal_models_are_equal_files_whenever_they_were_written(tmp_path):
    for name, date in (("a", "2024-01-01"), ("b", "2025-02-02")):
        with zipfile.ZipFile(tmp_path / name, "w") as made:
            when = tuple(map(int, date.split("-"))) + (1, 2, 4)
            made.writestr(zipfile.ZipInfo("metadata.json", when), f'{{"keras_version": "2", "date_saved": "{date}"}}')
            made.writestr(zipfile.ZipInfo("config.json", when), "{}")
        archive.forget_dates(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    with zipfile.ZipFile(tmp_path / "a") as read:
        assert json.loads(read.read("metadata.json")) == {"keras_version": "2", "date_saved": ""}
        assert read.testzip() is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
