"""What native code prints on stderr: kept out of the user's terminal, and at hand when it explains a failure."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def captured_stderr() -> Iterator[Callable[[], str]]:
    """Redirects file descriptor 2 to a temporary file until the block ends; gives a function that reads what came.

    Python's own `sys.stderr` is on that descriptor too, so this is for calls into native code, and for nothing long.

    >>> with captured_stderr() as text:
    ...     _ = os.write(2, b"chatter")
    >>> text()
    'chatter'
    """
    with tempfile.TemporaryFile() as stream:
        read = [""]
        sys.stderr.flush()
        saved = os.dup(2)
        try:
            os.dup2(stream.fileno(), 2)
            yield lambda: read[0]
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
            stream.seek(0)
            read[0] = stream.read().decode(errors="replace")
