import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import requests

from tfcompress.core.errors import DataCorrupt, DataUnavailable, InvalidValue
from tfcompress.core.identity import fingerprint
from tfcompress.data.cifar10 import Cifar10


def prepared_folder():
    """A folder that holds CIFAR-10 as tensorflow-datasets prepares it."""
    folder = Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()
    if not any((folder / "cifar10").glob("*/dataset_info.json")):
        pytest.skip(f"no prepared CIFAR-10 in {folder}; name another folder in TFDS_DATA_DIR")
    return folder


@pytest.fixture
def copied(tmp_path):
    """A copy to spoil: the folder of tensorflow-datasets, and of CIFAR-10 within it."""
    shutil.copytree(prepared_folder() / "cifar10", tmp_path / "cifar10", copy_function=shutil.copyfile)
    for folder in tmp_path.rglob("*"):
        folder.chmod(0o755 if folder.is_dir() else 0o644)
    return tmp_path, next((tmp_path / "cifar10").glob("*/dataset_info.json")).parent


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise requests.ConnectionError("unreachable")

    monkeypatch.setattr(requests, "head", refuse)


def test_a_missing_folder_without_network_is_told_at_once_and_named(no_network, tmp_path):
    started = time.monotonic()
    with pytest.raises(DataUnavailable) as caught:
        Cifar10(str(tmp_path / "nowhere")).load()
    assert time.monotonic() - started < 5
    assert str(tmp_path / "nowhere") in str(caught.value)
    assert "could not be downloaded (ConnectionError). Give the folder" in str(caught.value)
    assert not (tmp_path / "nowhere").exists()


def test_the_network_is_given_seconds_only(monkeypatch, tmp_path):
    asked = {}

    def head(url, timeout):
        asked.update(url=url, timeout=timeout)
        raise requests.Timeout

    monkeypatch.setattr(requests, "head", head)
    with pytest.raises(DataUnavailable, match=r"\(Timeout\)"):
        Cifar10(str(tmp_path)).require()
    assert asked["url"].startswith("https://www.cs.toronto.edu/")
    assert asked["timeout"] <= 10


def test_an_empty_folder_of_the_right_name_is_no_data(no_network, tmp_path):
    (tmp_path / "cifar10" / "3.0.2").mkdir(parents=True)
    with pytest.raises(DataUnavailable):
        Cifar10(str(tmp_path)).require()


def test_prepared_data_needs_no_network(no_network, copied):
    Cifar10(str(copied[0])).require()


def cut(file):
    with open(file, "r+b") as stream:
        stream.truncate(file.stat().st_size // 100)


def flip(file):
    content = bytearray(file.read_bytes()[:100_000])
    content[5_000] ^= 0xFF
    file.write_bytes(content)


def remove(file):
    file.unlink()


@pytest.mark.parametrize("damage", [cut, flip, remove])
def test_damaged_records_are_told_as_corrupt(damage, copied):
    root, folder = copied
    # The training record is read first and is the larger: with both damaged nothing is read in vain.
    for record in folder.glob("*.tfrecord-*"):
        damage(record)
    with pytest.raises(DataCorrupt, match="Delete that folder to have it downloaded anew") as caught:
        Cifar10(str(root)).load()
    assert str(folder) in str(caught.value)


def test_a_damaged_description_is_told_as_corrupt(copied):
    root, folder = copied
    cut(folder / "dataset_info.json")
    with pytest.raises(DataCorrupt) as caught:
        Cifar10(str(root)).load()
    assert str(folder) in str(caught.value)


def test_a_cut_test_record_is_told_as_corrupt(copied):
    root, folder = copied
    cut(next(folder.glob("cifar10-test.tfrecord-*")))
    with pytest.raises(DataCorrupt, match="Delete that folder"):
        Cifar10(str(root)).load()


def test_the_prepared_data_set_is_read():
    data = Cifar10(str(prepared_folder()), num_examples=20)
    assert data.train.inputs.shape == data.test.inputs.shape == (20, 32, 32, 3)
    assert (data.train.inputs.dtype, data.train.targets.shape) == (np.uint8, (20,))
    assert data.model_inputs(data.train.inputs).max() <= 1.0


@pytest.fixture(params=[(b"\xff\xd8\xff\xe0", "CIFAR-10 (JPEG copy)"), (b"\x89PNG", "CIFAR-10")], ids=["jpeg", "png"])
def stored(request, tmp_path):
    """A data set whose records begin with an image of one kind or the other, and the title it must have."""
    start, title = request.param
    (tmp_path / "cifar10" / "3.0.2").mkdir(parents=True)
    (tmp_path / "cifar10" / "3.0.2" / "cifar10-test.tfrecord-00000-of-00001").write_bytes(bytes(40) + start + bytes(40))
    return Cifar10(str(tmp_path)), title


def test_a_copy_stored_as_jpeg_says_so(stored):
    data, title = stored
    assert data.title == title


def test_what_is_not_there_yet_has_the_plain_title(tmp_path):
    assert Cifar10(str(tmp_path)).title == "CIFAR-10"


def prepare(root):
    """The files of a prepared data set, of which only the names are right."""
    folder = root / "cifar10" / "3.0.2"
    folder.mkdir(parents=True)
    for name in ("dataset_info.json", "cifar10-test.tfrecord-00000-of-00001"):
        (folder / name).write_bytes(bytes(100))
    return folder


def test_the_prepared_files_and_the_number_of_examples_are_what_it_is(tmp_path):
    folder = prepare(tmp_path / "a")
    (tmp_path / "b").mkdir()
    data = Cifar10(str(tmp_path / "a"))
    before = fingerprint(data)
    assert before == fingerprint(Cifar10(str(tmp_path / "b" / ".." / "a")))
    assert before != fingerprint(Cifar10(str(tmp_path / "a"), num_examples=5))
    os.utime(folder / "cifar10-test.tfrecord-00000-of-00001", ns=(1, 1))
    assert before != fingerprint(data)


def test_what_is_not_prepared_yet_is_prepared_before_it_is_told_apart(monkeypatch, tmp_path):
    data = Cifar10(str(tmp_path))
    assert data.identity() is None
    monkeypatch.setattr(Cifar10, "load", lambda self: prepare(tmp_path) and (None, None))
    assert fingerprint(data) == fingerprint(Cifar10(str(tmp_path)))


def test_the_folder_is_that_given_else_that_of_the_environment_else_tfds_own(monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", "/from/environment")
    assert Cifar10("/given").folder == Path("/given")
    assert Cifar10().folder == Path("/from/environment")
    monkeypatch.delenv("TFDS_DATA_DIR")
    monkeypatch.setenv("HOME", "/home/me")
    assert Cifar10().folder == Path("/home/me/tensorflow_datasets")
    assert Cifar10("~/data").folder == Path("/home/me/data")


@pytest.mark.parametrize(("asked", "num_train"), [(None, 50_000), (256, 256), (60_000, 50_000)])
def test_num_train_is_known_before_anything_is_read(asked, num_train):
    assert Cifar10("/nowhere", num_examples=asked).num_train == num_train


def test_less_than_one_example_is_refused():
    with pytest.raises(InvalidValue, match="^Cifar10.num_examples must be at least 1. Received: 0."):
        Cifar10(num_examples=0)


def test_classes_have_the_names_of_the_data_set():
    (listed,) = prepared_folder().glob("cifar10/*/label.labels.txt")
    assert Cifar10.class_names == tuple(listed.read_text().split())
