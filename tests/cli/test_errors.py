import signal
import time
from types import SimpleNamespace

import pytest

from tfcompress.cli.errors import explain, interrupts_that_arrive, was_interrupted
from tfcompress.cli.recipe import raise_verdict
from tfcompress.core.errors import NotJudged, UnreadableModel, VerdictFailed


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
