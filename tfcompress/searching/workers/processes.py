"""The workers that a chief starts on its own machine: processes of the same command, which end with it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...backend.threads import THREADS
from ...core.disk import output_errors
from ...core.errors import WorkerLost
from .line import FOLDER
from .place import HOST, NAME, PORT, STARTED_BY, threads_each

END_S = 15.0  # until a worker that was asked to end is killed
MOST_STARTS = 4  # of a worker without a finished trial in between
ANY = ("0.0.0.0", "::", "")


class Processes:
    """Workers `worker1`, `worker2`, ... of a chief.

    Args:
      command: of each of them.
      num_workers: how many.
      host: on which the chief listens.
      port: likewise.
      root: the folder of the search; what a worker prints goes to workers/worker1.log there.
      variables: more of their environment. Defaults to none.
    """

    def __init__(
        self,
        command: Sequence[str],
        num_workers: int,
        host: str,
        port: int,
        root: Path,
        variables: Mapping[str, str] | None = None,
    ):
        self.command, self.root = list(command), root
        self.num_threads = threads_each(num_workers, num_cores())
        self.environment = {
            **os.environ,
            **{name: os.environ.get(name, str(self.num_threads)) for name in THREADS},
            "TF_FORCE_GPU_ALLOW_GROWTH": os.environ.get("TF_FORCE_GPU_ALLOW_GROWTH", "true"),  # they share it
            HOST: "127.0.0.1" if host in ANY else host,
            PORT: str(port),
            STARTED_BY: str(os.getpid()),
            **(variables or {}),
        }
        self.names = [f"worker{number}" for number in range(1, num_workers + 1)]
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._starts = dict.fromkeys(self.names, 0)
        self._last = ""

    def start(self) -> None:
        """Starts all of them."""
        for name in self.names:
            self._start(name)

    def ended(self) -> list[tuple[str, str]]:
        """The workers that have died since the last call, and of what; starts them anew, where that may help.

        Raises:
          WorkerLost: when none is left.
        """
        found = []
        for name, process in list(self._running.items()):
            code = process.poll()
            if code is None:
                continue
            self._close(name)
            if code == 0:
                continue
            why = f"was ended by {_signal_name(-code)}" if code < 0 else f"ended with exit code {code}"
            found.append((name, why))
            self._last = self._last_words(name) if code > 0 else why
            if code < 0 and self._starts[name] < MOST_STARTS:  # an error of its own would come again
                self._start(name)
        return found

    @property
    def num_running(self) -> int:
        """How many there are now."""
        return len(self._running)

    def require_one(self) -> None:
        """Raises `WorkerLost` where none is left."""
        if not self._running:
            raise WorkerLost(
                f"A search must have a worker. Received: none that is left. {self._last} {self.root / FOLDER} has what "
                "they said; the same command goes on."
            )

    def well(self) -> None:
        """Says that a trial was finished: what kills workers does not kill each of them."""
        self._starts = dict.fromkeys(self.names, 1)

    def stop(self, patience_s: float = END_S) -> None:
        """Has all of them end: who does not in `patience_s` is killed."""
        for process in self._running.values():
            with contextlib.suppress(OSError):
                process.terminate()
        end = time.monotonic() + patience_s
        for name, process in list(self._running.items()):
            try:
                process.wait(max(0.05, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            self._close(name)

    def wait(self, patience_s: float) -> None:
        """Waits for all of them to end by themselves."""
        end = time.monotonic() + patience_s
        for process in self._running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.05, end - time.monotonic()))

    def _start(self, name: str) -> None:
        self._starts[name] += 1
        with output_errors(self.root):
            (self.root / FOLDER).mkdir(parents=True, exist_ok=True)
            with open(self._log(name), "ab") as log:
                self._running[name] = subprocess.Popen(
                    self.command,
                    env={**self.environment, NAME: name},
                    stdin=subprocess.PIPE,  # its end is that of the chief: `end_with_chief`
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # Ctrl-C is the chief's, who asks the workers to end
                )

    def _close(self, name: str) -> None:
        process = self._running.pop(name)
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()

    def _log(self, name: str) -> Path:
        return self.root / FOLDER / f"{name}.log"

    def _last_words(self, name: str) -> str:
        try:
            lines = self._log(name).read_text(encoding="utf-8", errors="replace").split("\n")
        except OSError:
            return ""
        said = [line.strip() for line in lines if line.strip()]
        return f"{name} said: {said[-1][:500]}" if said else ""


def end_with_chief(descriptor: int = 0, patience_s: float = END_S) -> None:
    """In a worker that a chief started: ends this process as SIGTERM does, once the chief has gone, however it went.

    Args:
      descriptor: of a pipe that ends with the chief. Defaults to stdin's.
      patience_s: until a process that does not is ended by force.
    """

    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.read(descriptor, 1 << 10):  # not sys.stdin's, whose lock Python wants when it ends
                pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(patience_s)
        os._exit(128 + signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def num_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
