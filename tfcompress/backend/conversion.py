"""TensorFlow's converter in a child process, kept warm: on some models its native code crashes, with its process.

The first conversion of a process pays TensorFlow's import in the child; later ones pay that the model is saved and read
back. The bytes are those of `TFLiteConverter.from_keras_model` in one process (TensorFlow 2.21): it, too, goes by a
SavedModel.
"""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import json
import os
import re
import selectors
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO, Any

from ..core.temporaries import in_temporary_folder
from .child import describe_death
from .converter_child import EXAMPLES, JOB, RANGED, RESULT, SAVED_MODEL, TIME_LIMIT_S, WHOLE
from .native import captured_stderr
from .search_path import PACKAGE_PARENT, for_children
from .tensorflow import prepare_environment, saving_utils, tf, without_keras_3


@dataclasses.dataclass(frozen=True)
class ConverterSettings:
    """What TensorFlow's converter is asked for; the defaults give float32.

    Args:
      optimize: whether weights are quantized. Defaults to False.
      types: names of the types that weights may have, of `tf.DType`. Defaults to none: the converter's choice.
      ops: names of the sets of operations that may be used, of `tf.lite.OpsSet`. Defaults to none: likewise.
      io_type: the type of inputs and outputs. Defaults to "float32".
      per_channel: whether each channel of a kernel has a scale of its own. Defaults to True.
    """

    optimize: bool = False
    types: tuple[str, ...] = ()
    ops: tuple[str, ...] = ()
    io_type: str = "float32"
    per_channel: bool = True


class ConverterDied(Exception):
    """The child crashed, or went beyond its limits: how, as the end of a sentence about it."""


class ConverterRefused(Exception):
    """What the converter says of a model that it cannot convert."""


def converted(model: Any, settings: ConverterSettings, examples: Iterable[Any] | None = None) -> bytes:
    """The content of the .tflite file that TensorFlow's converter makes of a model.

    Args:
      model: what `tf.saved_model.save` takes, with a default signature: a Keras model, or a module.
      settings: of the converter.
      examples: to calibrate with, each a list of arrays (1, ...) or a dict of them by the names of inputs. Defaults to
        None: ranges are not calibrated.

    Raises:
      ConverterRefused: with what the converter says.
      ConverterDied: when its process did not end by itself.
    """
    with in_temporary_folder("convert") as folder:
        count = None if examples is None else _write_examples(examples, folder / EXAMPLES)
        with captured_stderr(), without_keras_3():
            # As the converter saves; names of tensors need the debug information. Gradients, which no file has, may
            # hold tensors that cannot be saved: those of swish do.
            options = tf.saved_model.SaveOptions(save_debug_info=True, experimental_custom_gradients=False)
            tf.saved_model.save(model, str(folder / SAVED_MODEL), options=options)
        return _asked(folder, {"settings": dataclasses.asdict(settings), "num_examples": count})


def served_by(model: Any, rewritten: Callable[[Any], Any] | None = None) -> Any:
    """What the converter takes for `model`, and saves as the model's variables and the one function that serves it.

    Of a Keras model it saves the calls of all layers too, each traced four times, and reads all of it back; the file is
    made of the one function. MobileNetV2 takes 4.6 s so instead of 15.3, and the bytes are the same.

    Args:
      model: a Keras model.
      rewritten: gives the function to serve, of the model's traced call. Defaults to None: that call.

    Returns:
      A module, or the model itself where the function needs what only Keras finds: a table or an iterator, say.
    """
    function = saving_utils.trace_model_call(model)
    handles = {id(variable.handle) for variable in model.variables}
    if any(captured.dtype == tf.resource and id(captured) not in handles for captured in function.captured_inputs):
        return model
    carrier = tf.Module()
    carrier.model_variables = model.variables
    # The attribute by which a SavedModel finds what serves it.
    carrier._default_save_signature = rewritten(function) if rewritten else function
    return carrier


def quantized(content: bytes, settings: ConverterSettings) -> bytes:
    """The int8 file of a float .tflite whose tensors have their ranges, by TensorFlow's quantizer.

    Args:
      content: of the float file.
      settings: of which `io_type` and `per_channel` count.

    Raises:
      ConverterRefused, ConverterDied: as for `converted`.
    """
    with in_temporary_folder("convert") as folder:
        (folder / RANGED).write_bytes(content)
        return _asked(folder, {"settings": dataclasses.asdict(settings), "num_examples": None})


def missing_operations(said: str) -> list[str]:
    """The TensorFlow operations that TFLite has none for, by what the converter says of a model.

    >>> missing_operations("error: 'tf.Svd' op is neither a custom op nor a flex op")
    ['Svd']
    """
    return list(dict.fromkeys(re.findall(r"'tf\.(\w+)' op is neither a custom op nor a flex op", said)))


@dataclasses.dataclass(frozen=True)
class Trial:
    """Why an interpreter would not run a file, with its own kernels, or with what it has by default; else empty."""

    refused: str = ""
    refused_by_default: str = ""


def require_survival(content: bytes) -> Trial:
    """Runs a .tflite once where nobody minds: native code aborts of some files, a scale of zero for one.

    Returns:
      Whether interpreters run it.

    Raises:
      ConverterDied: when its process did not end by itself.
    """
    with in_temporary_folder("try") as folder:
        (folder / WHOLE).write_bytes(content)
        said = _CHILD.ask(str(folder), TIME_LIMIT_S)
        return Trial(str(said.get("refused", "")), str(said.get("refused by default", "")))


def _asked(folder: Path, job: dict[str, Any]) -> bytes:
    """What the child makes of the job in `folder`."""
    (folder / JOB).write_text(json.dumps(job))
    reply = _CHILD.ask(str(folder), TIME_LIMIT_S)
    if reply.get("refused"):
        raise ConverterRefused(reply["refused"])
    return (folder / RESULT).read_bytes()


def _write_examples(examples: Iterable[Any], path: Path) -> int:
    """Writes the arrays one after another, each example with the names of its arrays before them; returns how many."""
    import numpy as np

    count = 0
    with path.open("wb") as stream:
        for example in examples:
            names = list(example) if isinstance(example, Mapping) else []
            arrays = list(example.values()) if isinstance(example, Mapping) else list(example)
            stream.write(json.dumps({"names": names, "num_arrays": len(arrays)}).encode() + b"\n")
            for array in arrays:
                np.save(stream, np.asarray(array), allow_pickle=False)
            count += 1
    return count


class _WarmChild:
    """A process that converts, one folder after another; started when it is first asked, and again after a crash."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._log: IO[bytes] | None = None

    def ask(self, folder: str, time_limit_s: float) -> dict[str, Any]:
        """What the child answers of the job in `folder`. Raises `ConverterDied`."""
        with self._lock:
            process = self._running()
            written = self._log.seek(0, os.SEEK_END) if self._log is not None else 0
            line: bytes | None = b""
            try:
                if process.stdin is not None:
                    process.stdin.write(folder.encode() + b"\n")
                    process.stdin.flush()
                line = _line_of(process, time_limit_s)
            except BrokenPipeError:
                line = b""
            except BaseException:  # Ctrl-C: the answer would come to the next question
                self.stop()
                raise
            if line:
                return dict(json.loads(line))
            code = None if line is None else process.wait()
            log = b""
            if self._log is not None:
                self._log.seek(written)
                log = self._log.read()
            self.stop()
            raise ConverterDied(describe_death(code, time_limit_s, log.decode(errors="replace")) or "ended early")

    def stop(self) -> None:
        """Ends the child, if there is one, and it is this process's."""
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, self._log):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._owner == os.getpid() and self._process.poll() is None:
            return self._process
        self.stop()
        prepare_environment()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  as long as the child lives
        self._owner = os.getpid()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tfcompress.backend.converter_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=PACKAGE_PARENT,
            env={**os.environ, "PYTHONPATH": for_children(), "CUDA_VISIBLE_DEVICES": "-1"},
            start_new_session=True,  # Ctrl-C is the parent's, which then ends the child
        )
        return self._process


def _line_of(process: subprocess.Popen[bytes], time_limit_s: float) -> bytes | None:
    """The next line that a process prints; b"" when it ended, None when the time is over."""
    if process.stdout is None:
        return b""
    end, found = time.monotonic() + time_limit_s, b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while not found.endswith(b"\n"):
            if not selector.select(max(0.0, end - time.monotonic())):
                return None
            part = os.read(process.stdout.fileno(), 65536)
            if not part:
                return b""
            found += part
    return found


_CHILD = _WarmChild()
atexit.register(_CHILD.stop)
