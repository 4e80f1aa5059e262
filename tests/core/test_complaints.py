from tfcompress.core.complaints import explain, was_interrupted
from tfcompress.core.errors import UnreadableModel


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
