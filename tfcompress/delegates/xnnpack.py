"""Which operations of a file XNNPACK takes: what it leaves runs on LiteRT's built-in kernels, in between."""

from __future__ import annotations

from collections.abc import Sequence

from ..backend.native import captured_stderr

Operation = tuple[str, Sequence[int], Sequence[int]]  # its name, the tensors that it takes and those that it gives
DELEGATE = "DELEGATE"


def left_by_xnnpack(content: bytes) -> frozenset[int] | None:
    """The numbers of the operations of the main graph that LiteRT's interpreter does not give to XNNPACK.

    None where the file does not load with XNNPACK at all, which the check of it says.

    Args:
      content: of a file that is known to load, as it is loaded in this process.
    """
    from ai_edge_litert.interpreter import Interpreter

    with captured_stderr():
        interpreter = Interpreter(model_content=content, num_threads=1)
        try:
            interpreter.allocate_tensors()
        except RuntimeError:
            return None
        operations = [
            (str(each["op_name"]), list(map(int, each["inputs"])), list(map(int, each["outputs"])))
            for each in interpreter._get_ops_details()
        ]
    return left_of(operations)


def left_of(operations: Sequence[Operation]) -> frozenset[int]:
    """Those of the operations before the first delegate that are inside of none of the delegates.

    LiteRT lists a delegate behind the operations, with what it takes from outside and what it gives to it: inside of it
    is what stands between the two.

    >>> sorted(left_of([("CONV", [0, 1], [2]), ("POOL", [2], [3]), ("ADD", [3, 3], [4]),
    ...                 (DELEGATE, [0, 1], [2]), (DELEGATE, [3], [4])]))
    [1]
    """
    plain = [each for each in operations if each[0] != DELEGATE]
    makers = {output: number for number, (_, _, outputs) in enumerate(plain) for output in outputs}
    inside: set[int] = set()
    for name, inputs, outputs in operations:
        if name == DELEGATE:
            outside, waiting = set(inputs), [*outputs]
            while waiting:
                tensor = waiting.pop()
                number = makers.get(tensor)
                if tensor not in outside and number is not None and number not in inside:
                    inside.add(number)
                    waiting += plain[number][1]
    return frozenset(range(len(plain))) - inside
