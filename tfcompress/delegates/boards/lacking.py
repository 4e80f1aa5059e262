"""Which operations of a file the interpreter for microcontrollers lacks: all of them, though it names the first alone.

It looks all operations up before it prepares any. So the file is given an operation at its end that nobody knows, with
which it never comes to prepare anything: what is said to be missing before that is taken out, and the file loaded anew.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ...backend.native import captured_stderr
from ...measuring.tflite import look_into, op_name

END = "TFCOMPRESS_END"
_MISSING = re.compile(r"Didn't find op for builtin opcode '(\w+)'")
SMALL_ARENA = 2**22


def lacking(path: Path) -> tuple[str, ...]:
    """The names of the built-in operations of a .tflite that tflite-micro lacks, in the order of the file.

    For a child process: native code reads the file. Raises `UnreadableModel`.
    """
    return look_into(path, _lacking)


def _lacking(model: Any) -> tuple[str, ...]:
    from ai_edge_litert import schema_py_generated as schema

    end = schema.OperatorCodeT()
    end.builtinCode = end.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    end.customCode = END.encode()
    model.operatorCodes.append(end)
    last = schema.OperatorT()
    last.opcodeIndex = len(model.operatorCodes) - 1
    last.inputs, last.outputs = model.subgraphs[0].outputs, model.subgraphs[0].outputs
    model.subgraphs[0].operators.append(last)
    found: list[str] = []
    for _ in range(len(model.operatorCodes)):
        missing = _first_missing(model)
        if missing is None or missing in found:
            break
        found.append(missing)
        for graph in model.subgraphs:
            names = (op_name(model.operatorCodes[each.opcodeIndex]) for each in graph.operators)
            graph.operators = [each for each, name in zip(graph.operators, names, strict=True) if name != missing]
    return tuple(found)


def _first_missing(model: Any) -> str | None:
    """What the interpreter says first that it lacks of a file; None where all is there but the operation at its end."""
    import flatbuffers
    from tflite_micro.python.tflite_micro import runtime

    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    with captured_stderr() as said:
        try:
            runtime.Interpreter.from_bytes(bytes(builder.Output()), arena_size=SMALL_ARENA)
        except RuntimeError:
            loaded = False
        else:
            loaded = True
    found = None if loaded else _MISSING.search(said())
    return found[1] if found else None
