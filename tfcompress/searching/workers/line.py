"""What chief and workers say to each other: one JSON object to and fro, over HTTP of the standard library.

keras-tuner's own messages (gRPC) carry one number of 32 bits for a trial and nobody's signs of life, and to read them a
worker imports Keras 3 for eight seconds; docs/decisions.md has the comparison. A secret that lies in the folder
of the search goes with each message, so that whoever cannot read the folder cannot speak.
"""

from __future__ import annotations

import hmac
import http.client
import http.server
import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ...core.disk import output_errors
from ...core.errors import InvalidValue, WorkerLost

FOLDER, SECRET = "workers", "secret"
HEADER = "X-Tfcompress-Secret"
PATIENCE_S = 300.0  # that a worker waits for its chief: it may start later, or be started again after a kill
ANSWER_S = 600.0  # until a message counts as lost: a proposal may take a while
PAUSE_S = 0.5  # between two attempts
MOST_BYTES = 1 << 22

Message = Mapping[str, Any]
Handler = Callable[[Message], Message]


class Refused(Exception):
    """The chief has read the message, and says that it is wrong."""


def secret_in(root: Path, makes: bool = False) -> str:
    """The secret of the search in `root`; "" where there is none yet.

    Args:
      root: the folder of the search.
      makes: whether it is made where there is none. Defaults to False.
    """
    path = root / FOLDER / SECRET
    try:
        found = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        found = ""
    if found or not makes:
        return found
    found = secrets.token_hex(16)
    with output_errors(root):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".partial-{SECRET}")
        partial.unlink(missing_ok=True)
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as stream:
            stream.write(found)
        os.replace(partial, path)
    return found


def _read(content: bytes) -> Message:
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Refused("no JSON object")
    return found


class Listening:
    """The chief's end: answers messages at `address` until it is closed.

    Args:
      host: to listen on.
      port: likewise; 0 for any that is free.
      secret: that each message must carry.
      handlers: gives the answer to a message, by its name. What one raises is `failed`, or of `Refused` its answer.

    Raises:
      InvalidValue: when nobody can listen there.
    """

    def __init__(self, host: str, port: int, secret: str, handlers: Mapping[str, Handler]):
        self.failed: list[BaseException] = []
        listening = self

        class Answering(http.server.BaseHTTPRequestHandler):
            """Answers one message."""

            timeout = 30

            def do_POST(self) -> None:  # noqa: N802  the name that http.server looks for
                """Answers."""
                handler = handlers.get(self.path.strip("/"))
                if not hmac.compare_digest(self.headers.get(HEADER, "").encode(), secret.encode()) or handler is None:
                    self.send_error(403)
                    return
                try:
                    size = int(self.headers.get("Content-Length", "0"))
                    code, answer = 200, handler(_read(self.rfile.read(min(max(size, 0), MOST_BYTES))))
                except Refused as error:
                    code, answer = 409, {"refused": str(error)}
                except BaseException as error:  # the chief raises it, in its main thread
                    listening.failed.append(error)
                    code, answer = 500, {}
                content = json.dumps(answer).encode()
                self.send_response(code)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments: Any) -> None:
                """Nothing: the chief says what happens."""

        class Threads(http.server.ThreadingHTTPServer):
            """One thread a message."""

            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *arguments: Any) -> None:
                """Nothing: a worker that has gone meanwhile is missed soon enough."""

        try:
            self._server = Threads((host, port), Answering)
        except (OSError, OverflowError) as error:
            raise InvalidValue(
                f"The chief must be able to listen on {host}, port {port}. Received: {error}. Use an address of this "
                "machine, and a port that nobody has."
            ) from error
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Listens no more."""
        self._server.shutdown()
        self._server.server_close()


class Line:
    """A worker's end.

    Args:
      host: of the chief.
      port: likewise.
      root: the folder of the search, which all of its processes see.
      patience_s: for how long a chief that does not answer is waited for. Defaults to None: `PATIENCE_S`.
      look: is called while it is; may raise.
    """

    def __init__(
        self,
        host: str,
        port: int,
        root: Path,
        patience_s: float | None = None,
        look: Callable[[], None] = lambda: None,
    ):
        self.host, self.port, self.root, self.look = host, port, root, look
        self.patience_s = PATIENCE_S if patience_s is None else patience_s

    def ask(self, name: str, message: Message) -> dict[str, Any]:
        """The chief's answer.

        Raises:
          WorkerLost: when there is none for too long.
          Refused: when the chief says that the message is wrong.
        """
        end = time.monotonic() + self.patience_s
        while True:
            try:
                return self.once(name, message, ANSWER_S)
            except OSError as error:
                if time.monotonic() >= end:
                    raise WorkerLost(
                        f"A worker must reach its chief. Received: no answer from {self.host}, port {self.port}, for "
                        f"{self.patience_s:.0f} s ({error}). Start the chief, with the same command, and see that both "
                        f"have {self.root} in common."
                    ) from error
            self.look()
            time.sleep(min(PAUSE_S, self.patience_s / 10))

    def once(self, name: str, message: Message, timeout_s: float) -> dict[str, Any]:
        """The chief's answer. Raises `OSError` where there is none, and `Refused`."""
        secret = secret_in(self.root)
        if not secret:
            raise OSError(f"no {FOLDER}/{SECRET} in the folder yet")
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout_s)
        try:
            connection.request("POST", f"/{name}", json.dumps(message), {HEADER: secret})
            answer = connection.getresponse()
            content = json.loads(answer.read() or b"{}") if answer.status in (200, 409) else {}
        except (http.client.HTTPException, ValueError) as error:
            raise OSError(f"no answer of a chief: {error!r}") from error
        finally:
            connection.close()
        if answer.status == 409:
            raise Refused(str(content.get("refused")))
        if answer.status != 200:
            raise OSError(f"it says {answer.status}, {answer.reason}")
        return dict(content)
