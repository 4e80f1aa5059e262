import os
import subprocess
import sys
import sysconfig

import pytest

from tfcompress.backend.search_path import PACKAGE_PARENT, for_children, with_folder, without_current_folder


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A current folder that is on the search path in three ways."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path)
    monkeypatch.setattr(sys, "path", ["", str(tmp_path / "link"), *sys.path, "."])
    return tmp_path


def test_the_current_folder_is_off_the_path_for_a_while(here):
    before = list(sys.path)
    with without_current_folder():
        assert not [entry for entry in sys.path if os.path.realpath(entry or ".") == str(here)]
        assert sys.path == before[2:-1]
        sys.path.append("/added")
    assert sys.path == [*before, "/added"]


def test_it_comes_back_after_an_error(here):
    before = list(sys.path)
    with pytest.raises(KeyError), without_current_folder():
        raise KeyError
    assert sys.path == before


def test_a_current_folder_that_was_deleted_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    before = list(sys.path)
    with without_current_folder():
        assert sys.path == before


def test_where_packages_are_installed_it_stays(monkeypatch):
    monkeypatch.chdir(sysconfig.get_path("purelib"))
    before = list(sys.path)
    with without_current_folder():
        assert sys.path == before


def test_children_find_the_package_and_not_the_current_folder(here, monkeypatch):
    (here / "evil_file.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", str(here), "/elsewhere"]))
    assert for_children() == os.pathsep.join([PACKAGE_PARENT, "/elsewhere"])
    code = "import importlib.util as u, tfcompress; raise SystemExit(u.find_spec('evil_file') is not None)"
    environment = {**os.environ, "PYTHONPATH": for_children()}
    assert (
        subprocess.run([sys.executable, "-c", code], env=environment, cwd=PACKAGE_PARENT, check=False).returncode == 0
    )


def test_a_folder_is_first_for_a_while(tmp_path):
    with with_folder(tmp_path):
        assert sys.path[0] == str(tmp_path)
    assert str(tmp_path) not in sys.path
