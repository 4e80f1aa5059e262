import os
import sys

import pytest

from tfcompress.backend.native import captured_stderr


def test_what_native_code_prints_is_kept_off_stderr_and_read(capfd):
    with captured_stderr() as text:
        os.write(2, b"native\n")
        assert text() == ""  # not before the end
    assert text() == "native\n"
    assert capfd.readouterr().err == ""


def test_stderr_is_given_back(capfd):
    with captured_stderr():
        os.write(2, b"inside")
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"


def test_stderr_is_given_back_after_an_error_and_what_was_said_is_at_hand(capfd):
    with pytest.raises(ValueError, match="no"), captured_stderr() as text:  # noqa: SIM117
        os.write(2, b"why")
        raise ValueError("no")
    os.write(2, b"after")
    assert (text(), capfd.readouterr().err) == ("why", "after")


def test_what_was_said_before_stays_outside(capfd):
    sys.stderr.write("before")
    with captured_stderr() as text:
        os.write(2, b"inside")
    assert (text(), capfd.readouterr().err) == ("inside", "before")


def test_bytes_that_are_no_text_do_not_hurt():
    with captured_stderr() as text:
        os.write(2, b"\xff!")
    assert text() == "\ufffd!"


def test_one_within_another(capfd):
    with captured_stderr() as outer:
        os.write(2, b"1")
        with captured_stderr() as inner:
            os.write(2, b"2")
        os.write(2, b"3")
    assert (inner(), outer(), capfd.readouterr().err) == ("2", "13", "")


def test_no_descriptor_is_left_open():
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else pytest.skip("no /proc here")
    for _ in range(3):
        with captured_stderr():
            pass
    assert len(os.listdir("/proc/self/fd")) == before
