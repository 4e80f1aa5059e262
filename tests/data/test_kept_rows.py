"""Rows are made once, several at a time, and kept in a file that goes with the object."""

import errno
import gc
import os
import threading

import numpy as np
import pytest

from tfcompress.core.errors import TemporaryFull
from tfcompress.data import kept_rows
from tfcompress.data.kept_rows import KeptRows


def open_files():
    return len(os.listdir("/proc/self/fd"))


def test_each_row_is_made_once_though_threads_ask_for_the_same_ones():
    made = []
    kept = KeptRows(40, ("uint8", (2, 3)), lambda number: made.append(number) or np.full((2, 3), number))
    found = {}
    threads = [threading.Thread(target=lambda k=k: found.update({k: kept.rows(range(40))})) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == list(range(40))
    for rows in found.values():
        assert rows.dtype == "uint8"
        np.testing.assert_array_equal(rows, np.arange(40)[:, None, None] * np.ones((2, 3)))


def test_rows_of_fields():
    kept = KeptRows(3, [("image", "uint8", (2, 2)), ("label", "int64")], lambda n: (np.full((2, 2), n), 10 * n))
    rows = kept.rows([2, 0])
    assert rows["label"].tolist() == [20, 0] and rows["image"].tolist() == [[[2, 2], [2, 2]], [[0, 0], [0, 0]]]


def test_numbers_are_those_of_an_array():
    kept = KeptRows(3, "int64", lambda number: number)
    assert kept.rows([-1, 0]).tolist() == [2, 0] and kept.rows([]).tolist() == []
    for wrong in (3, -4):
        with pytest.raises(IndexError):
            kept.rows([wrong])


def test_what_fails_is_raised_and_tried_again():
    failing = [True]

    def make(number):
        if failing[0] and number == 2:
            raise ZeroDivisionError
        return number

    kept = KeptRows(4, "int64", make)
    with pytest.raises(ZeroDivisionError):
        kept.rows(range(4))
    failing[0] = False
    assert kept.rows(range(4)).tolist() == [0, 1, 2, 3]


def test_a_full_disk_is_one_line(monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(kept_rows.os, "pwrite", full)
    with pytest.raises(
        TemporaryFull, match="must have room for 8 GB of decoded examples. .* name another folder in TMPDIR"
    ):
        KeptRows(1_000_000, ("uint8", (2000, 4)), lambda number: 0).rows([0])


def test_the_file_has_no_name_and_goes_with_the_object(tmp_path, monkeypatch):
    monkeypatch.setattr(kept_rows.tempfile, "tempdir", str(tmp_path))
    gc.collect()
    before = open_files()
    kept = KeptRows(4, "int64", lambda number: number)
    assert kept.rows([3]).tolist() == [3]
    assert open_files() == before + 1 and not list(tmp_path.iterdir())
    del kept
    assert open_files() == before


def test_rows_that_come_in_order_are_kept():
    kept = KeptRows(3, "int64", lambda number: -1)
    kept.fill(iter([5, 6, 7, 8]))
    assert kept.rows([2, 1, 0]).tolist() == [7, 6, 5]
