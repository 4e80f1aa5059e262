import errno
import signal
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from tfcompress.cli.errors import exit_code_of, explain, interrupts_that_arrive, was_interrupted
from tfcompress.cli.recipe import raise_verdict
from tfcompress.core.errors import ConversionFailed, NotJudged, OutputFull, UnreadableModel, VerdictFailed


def test_an_error_of_ours_is_its_line_and_its_code():
    assert explain(UnreadableModel("It is\nno model.")) == ("It is no model.", 43)


def test_any_other_error_is_called_a_bug():
    assert explain(ZeroDivisionError("by zero")) == ("ZeroDivisionError: by zero (a bug; --debug shows where)", 1)


def test_an_interrupt_is_found_behind_what_was_made_of_it():
    outer = RuntimeError("traced")
    outer.__cause__ = KeyboardInterrupt()
    assert was_interrupted(outer)
    assert was_interrupted(RuntimeError("in user code: KeyboardInterrupt"))
    assert not was_interrupted(RuntimeError("no"))
    assert explain(outer, "Stopped.") == ("Stopped.", 130)


def test_ctrl_c_that_python_swallows_arrives_all_the_same():
    class Stubborn:
        def __del__(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), interrupts_that_arrive():
        stubborn = Stubborn()
        del stubborn
        for _ in range(500):  # it comes within a hundredth of a second, between two instructions
            time.sleep(0.01)


def test_an_error_that_native_code_makes_of_ctrl_c_is_ctrl_c():
    with pytest.raises(KeyboardInterrupt), interrupts_that_arrive():
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise TypeError from None
    with pytest.raises(TypeError), interrupts_that_arrive():
        raise TypeError
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_whatever_else_cannot_be_raised_is_told_as_before(monkeypatch):
    told = []
    monkeypatch.setattr("sys.unraisablehook", told.append)

    class Broken:
        def __del__(self):
            raise ValueError("broken")

    with interrupts_that_arrive():
        broken = Broken()
        del broken
    assert [unraisable.exc_type for unraisable in told] == [ValueError]


@pytest.mark.parametrize(
    ("failures", "not_judged", "said"),
    [
        (["a"], [], "1 thing is wrong: a."),
        (["a", "b"], ["c"], "2 things are wrong; the first: a."),
        ([], ["c"], "1 file could not be judged: c."),
        ([], ["c", "d", "e"], "3 files could not be judged; the first: c."),
    ],
)
def test_what_is_wrong_is_counted_as_people_count(failures, not_judged, said):
    with pytest.raises((VerdictFailed, NotJudged)) as caught:
        raise_verdict(SimpleNamespace(failures=failures, not_judged=not_judged))
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        (signal.SIGTERM, 143, "tfcompress: Ended by SIGTERM. Finished stages are kept.\n"),
        (signal.SIGHUP, 129, "tfcompress: Ended by SIGHUP. Finished stages are kept.\n"),
        (signal.SIGINT, 130, "tfcompress: Interrupted. Finished stages are kept.\n"),
    ],
)
def test_a_signal_ends_in_a_line_and_its_exit_code(number, code, said, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = signal.getsignal(number)

    def work():
        Path(tempfile.mkstemp()[1]).write_text("half")
        signal.raise_signal(number)

    assert exit_code_of(work, False, "Interrupted. Finished stages are kept.") == code
    assert capsys.readouterr().err == said
    assert signal.getsignal(number) is before
    assert list(tmp_path.iterdir()) == []


def test_sigterm_that_native_code_makes_an_error_of_is_sigterm(capsys):
    def work():
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt:
            raise TypeError from None

    assert exit_code_of(work, False) == 143


def test_what_chose_its_own_answer_to_sigterm_keeps_it():
    heard = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    try:
        assert exit_code_of(lambda: signal.raise_signal(signal.SIGTERM) or 0, False) == 0
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.EFBIG, "File too large", "x.npy"), 35),
        (OSError(errno.ENOSPC, "No space left", f"{tempfile.gettempdir()}/x"), 36),
        (MemoryError(), 37),
        (SystemExit(3), 13),
    ],
)
def test_what_the_machine_lacks_is_no_bug(error, code, capsys):
    def work():
        raise error

    assert exit_code_of(work, False) == code
    assert "a bug" not in capsys.readouterr().err


def test_a_line_of_ours_about_the_disk_stays_as_it_is():
    error = OutputFull("No space left on the disk of runs/mine.")
    error.__cause__ = OSError(errno.ENOSPC, "No space left", f"{tempfile.gettempdir()}/x")
    assert explain(error) == ("No space left on the disk of runs/mine.", 31)
    conversion = ConversionFailed("The TFLite converter could not write float32.")
    conversion.__cause__ = error.__cause__
    assert explain(conversion)[1] == 36
