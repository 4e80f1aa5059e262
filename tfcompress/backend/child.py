"""Runs a command in a child process with limits of time and memory, and says in words how it died.

Native code can crash, hang and take its process with it. Here that process is a child, and a crash is a sentence. It
goes with its parent: what is killed cannot kill its children. `python -m tfcompress.backend.child COMMAND...` becomes
the command, which then goes with its parent too: for programs that do not know of us.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import math
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

# A child names what it begins with on stderr, so that a crash can be placed: "crashed with SIGSEGV while loading ...".
PHASE_MARK = "tfcompress-phase: "
_PR_SET_PDEATHSIG = 1  # <sys/prctl.h>
_LOOK_MS = 500  # how often a watching process looks whether the watched one is still there
_SPARE_CPU_S = 30  # beyond the wall clock's limit on each core: for a child that is not waited for any more

# What native libraries print when nothing is wrong, and what Python prints around the one line that matters.
_NOISE = re.compile(
    r"\s*$|INFO:|VERBOSE:|I\d{4} |WARNING: Logging before|Traceback|\s+File \"|[\s^~]+$|    |" + PHASE_MARK
)
# Where the native line was written says nothing to a reader: "ERROR: [model_load.cc:316] ..." keeps only its words.
_PLACE = re.compile(r"^(└ )?((ERROR|WARNING): ?)?(\[[^\]]*\.\w+:\d+\] ?)?|^[WE]\d{4} \S+ +\d+ \S+\] ")


@dataclasses.dataclass(frozen=True)
class Exit:
    """How a child ended: `death` is "" for exit code 0, else a sentence without a subject; `log` is what it printed."""

    death: str
    log: str


def run_limited(
    command: Sequence[str],
    time_limit_s: float,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    memory_limit_bytes: int | None = None,
) -> Exit:
    """Runs `command` in `folder` and waits at most `time_limit_s`; then it, and what it started, is killed.

    They are killed too when the wait ends in any other way, Ctrl-C for one.

    Args:
      command: the program and its arguments.
      time_limit_s: seconds, above 0.
      folder: its working folder; its stdout and stderr go to `log.txt` there.
      environment: variables on top of this process's own.
      memory_limit_bytes: of address space. Defaults to None: this process's own limit. Nine tenths of the machine's
        memory are the limit of its data in any case.

    Returns:
      An `Exit`.

    >>> import sys
    >>> run_limited([sys.executable, "-c", "raise SystemExit(3)"], 60, Path("/tmp")).death
    'ended with exit code 3'
    """
    log_path = folder / "log.txt"
    with log_path.open("wb") as log:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            start_new_session=True,  # a group of its own, so that killing reaches what it started
        )
        limit_resources(child.pid, time_limit_s, memory_limit_bytes)
        try:
            exit_code = child.wait(time_limit_s)
        except subprocess.TimeoutExpired:
            exit_code = None
        finally:
            _kill_group(child)
    text = log_path.read_text(errors="replace")
    return Exit(describe_death(exit_code, time_limit_s, text), text)


def limit_resources(pid: int, time_limit_s: float, memory_limit_bytes: int | None = None) -> None:
    """Limits what a process, 0 for this one, may use: CPU time on all cores, memory, address space. Linux alone can."""
    with contextlib.suppress(ImportError, AttributeError, ValueError, OSError):
        import resource

        _limit(pid, resource.RLIMIT_CPU, int((time_limit_s + _SPARE_CPU_S) * (os.cpu_count() or 1)))
        if memory_limit_bytes is not None:
            _limit(pid, resource.RLIMIT_AS, memory_limit_bytes)
        limit_data(pid)


def limit_data(pid: int) -> None:
    """Limits a process, 0 for this one, to nine tenths of the machine's memory: it dies alone. Linux alone can.

    Of data, and not of address space, of which drivers map far more than there is.
    """
    with contextlib.suppress(ImportError, AttributeError, ValueError, OSError):
        import resource

        _limit(pid, resource.RLIMIT_DATA, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * 9 // 10)


def _limit(pid: int, kind: int, most: int) -> None:
    """The limit `most`, or a lower one that the process has already."""
    import resource

    given = [limit for limit in resource.prlimit(pid, kind) if limit != resource.RLIM_INFINITY]
    resource.prlimit(pid, kind, (min([most, *given]), resource.prlimit(pid, kind)[1]))


def die_with_parent() -> None:
    """To be called first by a child: it is killed when the thread that started it ends, as with a killed process."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def end_with_stdin() -> None:
    """To be called first by a child whose stdin is a pipe of its parent's: it is killed when that is closed.

    For one that a thread starts, which may end before the process does. A process of its own looks, as native code may
    keep Python's threads waiting: TensorFlow's converter does so for minutes. Nothing is done where there is no fork.
    """
    watched = os.getpid()
    if not hasattr(os, "fork") or os.fork():
        return
    die_with_parent()
    for each in (1, 2):
        os.close(each)  # whoever reads what the other writes waits for its end
    waiting = select.poll()
    waiting.register(0, 0)  # for its end alone: what comes in is for the other
    while os.getppid() == watched:
        if waiting.poll(_LOOK_MS):
            os.kill(watched, signal.SIGKILL)
            break
    os._exit(0)


def limit_cpu_time(time_limit_s: float, given: float) -> None:
    """Limits this process to CPU time for `time_limit_s` on all cores from now on, and to `given`. Linux alone can.

    Args:
      time_limit_s: seconds, above 0.
      given: the limit that it was started with, as `cpu_time_limit` gave it.
    """
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        most = used.ru_utime + used.ru_stime + (time_limit_s + _SPARE_CPU_S) * (os.cpu_count() or 1)
        resource.setrlimit(resource.RLIMIT_CPU, (int(min(most, given)), resource.getrlimit(resource.RLIMIT_CPU)[1]))


def cpu_time_limit() -> float:
    """The seconds of CPU time that this process may use, infinite without a limit."""
    with contextlib.suppress(ImportError):
        import resource

        limit = resource.getrlimit(resource.RLIMIT_CPU)[0]
        return math.inf if limit == resource.RLIM_INFINITY else limit
    return math.inf


def describe_death(exit_code: int | None, time_limit_s: float, log: str) -> str:
    """How a process ended, from its exit code as `subprocess` gives it (negative: a signal; None: it was too slow).

    >>> describe_death(-11, 60, "tfcompress-phase: loading the file\\nsegmentation is ahead")
    'crashed with SIGSEGV (signal 11) while loading the file; its last words: "segmentation is ahead"'
    >>> describe_death(None, 60, "")
    'did not finish within 60 s'
    >>> describe_death(0, 60, "INFO: all is well")
    ''
    """
    if exit_code == 0:
        return ""
    if exit_code is None:
        death = f"did not finish within {time_limit_s:g} s"
    elif exit_code < 0:
        death = f"{_signal_verb(-exit_code)} {_signal_name(-exit_code)} (signal {-exit_code})"
    else:
        death = f"ended with exit code {exit_code}"
    phase, words = last_phase(log), last_words(log)
    return death + (f" while {phase}" if phase else "") + (f'; its last words: "{words}"' if words else "")


def last_phase(log: str) -> str:
    """What the child last said that it begins with, or ""."""
    return next((line[len(PHASE_MARK) :] for line in reversed(log.splitlines()) if line.startswith(PHASE_MARK)), "")


def last_words(log: str) -> str:
    """The last line of a log that says something, without the source file and line number it came from.

    >>> last_words("INFO: created\\nERROR: [model_load.cc:316] Variable tensors not yet supported.\\nINFO: destroyed")
    'Variable tensors not yet supported.'
    """
    lines = (_PLACE.sub("", line).strip() for line in reversed(log.splitlines()) if not _NOISE.match(line))
    return next((line for line in lines if line), "")


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:  # not waited for yet: its number, and so its group's, still belongs to it
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "a signal without a name"


def _signal_verb(number: int) -> str:
    # What the kernel does on a machine without memory is SIGKILL; the code itself cannot raise it by a bug.
    return "was killed (out of memory?) by" if number == signal.SIGKILL else "crashed with"


if __name__ == "__main__":
    die_with_parent()
    os.execvp(sys.argv[1], sys.argv[1:])
