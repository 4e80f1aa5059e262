"""tfcompress inspect FILE: what is in a Keras model or a .tflite, and what could be made of it.

Help and mistakes come without TensorFlow, and a .tflite is read without it.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..backend.search_path import without_current_folder
from ..core.errors import ConversionFailed, UnreadableModel, Usage
from ..inspecting.errors.comparison import SETTINGS, compare_on, comparison, measured
from ..inspecting.kind import is_tflite
from .errors import exit_code_of

if TYPE_CHECKING:
    from ..core.progress import Progress
    from ..inspecting.errors.error_values import Errors
    from ..inspecting.values import KerasFile, TfliteFile

DESCRIPTION = """\
Shows what is in a model file: the layers of a Keras model (.keras, .h5, SavedModel folder) or the operations of a
.tflite, with shapes, parameters, multiply-accumulates (MACs), bytes, zeros, clusters and quantization; and what
pruning, quantization-aware training (QAT) and the GPU delegate would take of it. With --against: where quantization
hurts, layer by layer.
"""
EXAMPLES = """\
examples:
  {prog} model.keras             its layers, and what pruning and QAT would take
  {prog} model.tflite --gpu      its operations, and what the GPU delegate says to them
  {prog} model.tflite --gpu --against-cpu   which operation a GPU computes wrongly first
  {prog} model.tflite --tensors  its tensors too
  {prog} model.h5 --custom layers.py
  {prog} model.keras --json | jq .totals
  {prog} model.keras --against model_int8.tflite --data photos/   where the file loses
  {prog} model.keras --against photos/ --bits 4                   where 4 bits would

exit codes: 0 all is well; 2 command line; 12 value out of range; 40 model unsupported; 43 model file unreadable;
80 optional package missing; 130 interrupted; 141 the reader of the output went away
"""
BROKEN_PIPE_EXIT_CODE = 141  # 128 + SIGPIPE, as shells have it


def main(arguments: list[str], prog: str = "tfcompress inspect") -> int:
    """Runs the command line and gives its exit code.

    Args:
      arguments: what follows the command's name.
      prog: the command as it was typed, for its help.
    """
    parser = _parser(prog)
    options = parser.parse_args(arguments)
    if options.file is None:
        parser.print_help(sys.stderr)
        return Usage.exit_code
    return exit_code_of(lambda: _print(options), options.debug)


def _print(options: argparse.Namespace) -> int:
    try:
        with without_current_folder():
            _show(_inspect(options), options)
        sys.stdout.flush()
        return 0
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python complains when it flushes at its end
        return BROKEN_PIPE_EXIT_CODE


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description=DESCRIPTION,
        epilog=EXAMPLES.format(prog=prog),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("file", nargs="?", metavar="FILE", type=Path, help="a .keras, .h5 or .tflite file, or a SavedModel's folder")
    add("--gpu", action="store_true", help="ask the GPU delegate, of a Keras model about its float32 export")
    add("--against-cpu", action="store_true", help="with --gpu: name the first operation that it computes otherwise")
    add("--tensors", action="store_true", help="list the tensors of a .tflite too")
    add("--json", action="store_true", help="print one JSON object and nothing else (keys: docs/inspecting.md)")
    add("--trust", action="store_true", help="load a Keras file that holds code, which may run (safe_mode=False)")
    add("--custom", metavar="FILE", type=Path, help="a Python file that defines the model's own layers and functions")
    add("--against", metavar="WHAT", help="show quantization error by layer: against a .tflite of it, or on DATA alone")
    add("--data", metavar="DATA", help="to run: digits, cifar10, a folder or CSV of images, an .npz (default: noise)")
    add("--scaling", metavar="HOW", help="of images: 0..255, 0..1 (default), -1..1, torch or caffe")
    add("--bits", metavar="N", type=int, help="of the kernels of one layer alone, 2 to 16 (default: the file's, or 8)")
    add("--num-examples", metavar="N", type=int, help="to run (default 512)")
    add("--debug", action="store_true", help="show the traceback of an error")
    return parser


def _inspect(options: argparse.Namespace) -> Errors | KerasFile | TfliteFile:
    path = options.file
    if options.against_cpu and not options.gpu:
        raise Usage(f"--against-cpu goes with --gpu. Received: --against-cpu with {path}. Say --gpu --against-cpu.")
    if not path.exists():
        raise UnreadableModel(f"FILE must be a model file or a folder. Received: {path}. There is none of this name.")
    if options.against is not None:
        return _compare(path, options)
    without = {f"--{name.replace('_', '-')}": getattr(options, name) is not None for name in SETTINGS}
    _refuse(without, "go with --against", path)
    if is_tflite(path):
        _refuse({"--trust": options.trust, "--custom": options.custom}, "are for Keras files", path)
        return _inspect_tflite(path, options.gpu, options.against_cpu)
    _refuse({"--tensors": options.tensors}, "is for .tflite files", path)
    return _inspect_keras(path, options)


def _refuse(options: dict[str, Any], kind: str, path: Path) -> None:
    """Raises `Usage` over options that would have no effect."""
    given = [name for name, value in options.items() if value]
    if given:
        raise Usage(f"{' and '.join(options)} {kind}. Received: {' '.join(given)} with {path}. Leave it out.")


def _inspect_tflite(path: Path, with_gpu: bool, against_cpu: bool) -> TfliteFile:
    from ..inspecting.tflite.reading import read_tflite

    file = read_tflite(path)
    if not with_gpu:
        return file
    from ..inspecting.tflite.gpu_support import ask_gpu, operator_support

    with _working("asking the GPU delegate"):
        gpu = ask_gpu(path, file, "the file", against_cpu)
    support = operator_support(gpu, [row.op for row in file.operators])
    operators = (dataclasses.replace(row, gpu=each) for row, each in zip(file.operators, support, strict=True))
    return dataclasses.replace(file, gpu=gpu, operators=tuple(operators))


def _inspect_keras(path: Path, options: argparse.Namespace) -> KerasFile:
    from ..backend.tensorflow import start_quietly

    with _working(f"reading {path.name}"):
        start_quietly()
        from ..inspecting.keras.keras_model import inspect_keras

        arrival = _bring_in(path, options)
        file = inspect_keras(arrival.model, str(path), arrival.origin, _num_bytes(path), arrival.largest_difference)
    if not options.gpu:
        return file
    with _working("asking the GPU delegate about an export"):
        return _with_gpu(file, arrival.model, options.against_cpu)


def _bring_in(path: Path, options: argparse.Namespace) -> Any:
    from ..models_io.loading.custom import custom_objects_from
    from ..models_io.loading.door import load_with_report

    custom_objects = custom_objects_from(options.custom) if options.custom else {}
    return load_with_report(path, custom_objects=custom_objects, safe_mode=not options.trust)


def _compare(path: Path, options: argparse.Namespace) -> Errors:
    """Quantization error of the Keras model at `path`, against a .tflite or on data."""
    if is_tflite(path):
        raise Usage(f"--against is for a Keras FILE. Received: {path}. Say FILE.keras --against {path.name}.")
    _refuse({"--tensors": options.tensors, "--gpu": options.gpu}, "do not go with --against", path)
    wanted = comparison(options.against, *(getattr(options, name) for name in SETTINGS))
    from ..backend.tensorflow import start_quietly

    with _working(f"reading {path.name}"):
        start_quietly()
        model = _bring_in(path, options).model
    from ..advising.advisor import NO_ADVICE, advice_on, why_none

    on = measured(model, wanted)
    errors = compare_on(model, str(path), wanted, on, _progress())
    if wanted.file is None:
        return errors
    try:
        with _working("looking for what to do next"):
            return dataclasses.replace(errors, advice=advice_on(model, on, wanted.file))
    except NO_ADVICE as error:
        print(f"tfcompress: {why_none(error)}", file=sys.stderr)
        return errors


def _progress() -> Progress:
    """Bars on a terminal."""
    from ..core.progress import Silent

    if not sys.stderr.isatty():
        return Silent()
    from .terminal import TerminalProgress

    return TerminalProgress()


def _with_gpu(file: KerasFile, model: Any, against_cpu: bool) -> KerasFile:
    """`file` with what the delegate says of an export: float32, or int8 of a quantization-aware model."""
    from ..core.temporaries import in_temporary_folder
    from ..export.float32 import Float32
    from ..export.int8 import Int8
    from ..inspecting.tflite.gpu_support import ask_gpu, layer_support
    from ..inspecting.tflite.reading import read_tflite
    from ..inspecting.values import NOT_RUN, Gpu, Support

    exporter = Int8() if file.totals["quantization_aware"] else Float32()
    with in_temporary_folder("export") as folder:
        path = folder / "model.tflite"
        try:
            exporter.convert(model, None, path)  # neither needs data: ranges are in the model, or not wanted
        except ConversionFailed as error:
            reason = str(error).rstrip(".")
            gpu = Gpu(NOT_RUN, reason, asked_of=exporter.mode)
            layers = tuple(dataclasses.replace(row, gpu=Support(NOT_RUN, reason)) for row in file.layers)
            return dataclasses.replace(file, gpu=gpu, layers=layers)
        exported = read_tflite(path)
        names = [row.name for row in file.layers]
        gpu = ask_gpu(path, exported, f"its {exporter.mode} export", against_cpu, names)
    support = layer_support(gpu, exported, names, file.outputs[0]["name"])
    layers = tuple(dataclasses.replace(row, gpu=support[row.name]) for row in file.layers)
    return dataclasses.replace(file, gpu=gpu, layers=layers)


def _num_bytes(path: Path) -> int:
    return sum(file.stat().st_size for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file())


@contextlib.contextmanager
def _working(what: str) -> Iterator[None]:
    """A spinner on stderr while the block lasts; nothing where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield
        return
    from .terminal import MESSAGES

    with MESSAGES.status(what):
        yield


def _show(file: Errors | KerasFile | TfliteFile, options: argparse.Namespace) -> None:
    if options.json:
        from ..inspecting.tflite.reading import finite

        values = {"kind": file.kind, "format": file.format, **dataclasses.asdict(file)}
        print(json.dumps(finite(values), indent=2, allow_nan=False))
        return
    from ..inspecting import page
    from ..inspecting.errors import error_table
    from ..inspecting.keras import keras_table
    from ..inspecting.tflite import tflite_table

    if file.kind == "errors":
        error_table.print_errors(file, page.console())
    elif file.kind == "tflite":
        tflite_table.print_tflite(file, page.console(), options.tensors)
    else:
        keras_table.print_keras(file, page.console())
