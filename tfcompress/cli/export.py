"""tfcompress export FILE --c: a .tflite as C source for microcontrollers.

It needs no TensorFlow.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..core.disk import require_writable
from ..core.errors import UnreadableModel, UnsupportedModel, Usage
from ..measuring.targets.target import PRESETS, Target
from .errors import exit_code_of
from .recipe import run_folder

DESCRIPTION = """\
Writes a .tflite as C++ source for TensorFlow Lite for Microcontrollers: NAME.h and NAME.cc with the file as an aligned
array, the operations to register, the least tensor arena, and shape, type, scale and zero point of inputs and outputs.

The arena is measured by running the file in the interpreter of the package tflite-micro, where that is installed; the
pointers of a board are half as long as this machine's, so that it needs rather less.
"""
EXAMPLES = """\
examples:
  {prog} keywords.tflite --c                        keywords.h and keywords.cc beside it
  {prog} keywords.tflite --c --out firmware/ --name g_keywords
  {prog} keywords.tflite --target mcu               only whether a microcontroller would take it, and why not

exit codes: 0 all is well; 2 command line; 12 value out of range; 30 output not writable; 31 disk full; 40 the target
has no operation for something in the file; 43 model file unreadable; 130 interrupted; 143 terminated
"""


def main(arguments: list[str], prog: str = "tfcompress export") -> int:
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
    return exit_code_of(lambda: _export(options), options.debug)


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description=DESCRIPTION,
        epilog=EXAMPLES.format(prog=prog),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("file", nargs="?", metavar="FILE", type=Path, help="a .tflite file")
    add("--c", action="store_true", help="write it as C++ source")
    add("--target", choices=tuple(PRESETS), help="refuse FILE where this device would not take it")
    add("--out", metavar="DIR", type=run_folder, help="the folder of the source (default: that of FILE)")
    add("--name", metavar="NAME", help="what names in the source begin with (default: the name of FILE)")
    add("--debug", action="store_true", help="show the traceback of an error")
    return parser


def _export(options: argparse.Namespace) -> int:
    path = options.file
    if not options.c and not options.target:
        raise Usage(f"export needs a form to write. Received: {path} alone. Say --c, or --target to have it looked at.")
    if not path.is_file():
        raise UnreadableModel(f"FILE must be a .tflite file. Received: {path}. There is none of this name.")
    if options.target:
        Target(options.target).require(path)
        print(f"{path} has operations alone that the target {options.target} takes")
        if not options.c:
            return 0
    folder = options.out or path.parent
    require_writable(folder, "--out")
    from ..delegates.boards.arena import measure_arena
    from ..export.c_source import c_source
    from ..measuring.targets.file_operations import operations_of

    operations = operations_of(path)  # what is no .tflite is refused before anything runs
    arena = measure_arena(path)
    if arena.lacks:
        raise UnsupportedModel(
            f"{path} must have operations that {arena.measured_by} knows. Received: {arena.lacks}. Replace these "
            "layers."
        )
    note = arena.reason if arena.num_bytes is None else f"measured by {arena.measured_by} on this machine"
    source = c_source(path, options.name, arena.num_bytes, note)
    for written in source.write(folder):
        print(written)
    size = "not measured" if arena.num_bytes is None else f"{arena.num_bytes:,} bytes"
    print(f"{path.stat().st_size:,} bytes of flash, arena {size}, {len({each.op for each in operations})} operations")
    if arena.num_bytes is None:
        print(f"tfcompress: the arena was not measured: {arena.reason}", file=sys.stderr)
    return 0
