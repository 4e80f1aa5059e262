"""What a command line says of an error: one line, and the exit code of its kind."""

from __future__ import annotations

import _thread
import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from ..core.disk import resource_error
from ..core.errors import INTERRUPTED_EXIT_CODE, ConversionFailed, InvalidRecipe, TfcompressError, was_interrupted
from ..core.temporaries import own_temporaries


def explain(error: BaseException, when_interrupted: str = "Interrupted.") -> tuple[str, int]:
    """What went wrong in one line, and its exit code.

    Args:
      error: anything that was raised.
      when_interrupted: what to say of Ctrl-C.

    >>> explain(KeyError("x"))
    ("KeyError: 'x' (a bug; --debug shows where)", 1)
    """
    if isinstance(error, Terminated):
        return when_interrupted.replace("Interrupted", f"Ended by {error}", 1), 128 + error.number
    if was_interrupted(error):
        return when_interrupted, INTERRUPTED_EXIT_CODE
    if isinstance(error, SystemExit | GeneratorExit):  # of somebody else's code: argparse's come earlier
        return f"{type(error).__name__}({error}) was raised by the code that ran.", InvalidRecipe.exit_code
    if not isinstance(error, TfcompressError) or isinstance(error, ConversionFailed):
        error = resource_error(error) or error  # a converter that could not write is no model that cannot be converted
    line = " ".join(str(error).split())
    if isinstance(error, TfcompressError):
        return line, error.exit_code
    return f"{type(error).__name__}: {line} (a bug; --debug shows where)", TfcompressError.exit_code


def exit_code_of(work: Callable[[], int], debug: bool, when_interrupted: str = "Interrupted.") -> int:
    """Does the work of a command: its own exit code, or one line on stderr and that of the error.

    What it leaves in the folder for temporary files goes with it, and so does what killed commands left there.

    Args:
      work: gives the exit code.
      debug: whether an error is raised, for its traceback, instead.
      when_interrupted: what to say of Ctrl-C, and with other words of SIGTERM.
    """
    try:
        with interrupts_that_arrive(), own_temporaries():
            return work()
    except BaseException as error:
        if debug:
            raise
        line, exit_code = explain(error, when_interrupted)
        print(f"tfcompress: {line}", file=sys.stderr)
        return exit_code


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP, as an interrupt: whoever cleans up after Ctrl-C does after these, too."""

    def __init__(self, number: int):
        super().__init__(signal.Signals(number).name)
        self.number = number


_ENDING = (signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def interrupts_that_arrive() -> Iterator[None]:
    """Raises Ctrl-C anew where it would be lost: in a `__del__` or a callback of a weak reference, and in native code.

    TensorFlow has many of all three. Python would print a traceback in the first, and the run would go on; native code
    makes an error of it that says nothing, such as a TypeError without a word. SIGTERM and SIGHUP arrive likewise, as
    `Terminated`, where nobody has chosen something else for them.
    """
    before, arrived = sys.unraisablehook, []

    def again(unraisable: Any) -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            # Not at once: it would be raised in this very function, and be swallowed again.
            threading.Timer(0.01, _thread.interrupt_main).start()
        else:
            before(unraisable)

    def remember(number: int, frame: Any) -> None:
        arrived.append(number)
        raise KeyboardInterrupt

    in_main_thread = threading.current_thread() is threading.main_thread()
    usual: dict[signal.Signals, Any] = {
        signal.SIGINT: signal.default_int_handler,
        **dict.fromkeys(_ENDING, signal.SIG_DFL),
    }
    ours = [number for number, handler in usual.items() if in_main_thread and signal.getsignal(number) is handler]
    sys.unraisablehook = again
    for number in ours:
        signal.signal(number, remember)
    try:
        yield
    except BaseException as error:
        if arrived and isinstance(error, Exception | KeyboardInterrupt):
            first = next((number for number in arrived if number != signal.SIGINT), None)
            raise (KeyboardInterrupt() if first is None else Terminated(first)) from error
        raise
    finally:
        sys.unraisablehook = before
        for number in ours:
            signal.signal(number, usual[number])
