"""What each TFLite operation was measured to be in each mode, and which runtimes refuse it: a table that is shipped.

`python benchmarks/operations.py --out ROWS --write` makes it of files of one layer, and docs/operations.md with it. It
knows the versions that it was seen with, and nothing of others.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("operations.json")
MODES = ("float32", "float16", "dynamic_range", "int8", "int16x8", "int4_weights")
CONTROL = ("WHILE", "IF", "CALL_ONCE")  # what computes is in graphs of its own
MOVING = (  # what only moves numbers
    *("SPLIT", "SPLIT_V", "RESHAPE", "TRANSPOSE", "CONCATENATION", "PACK", "UNPACK", "GATHER", "STRIDED_SLICE"),
    *("SLICE", "TILE", "PAD", "EXPAND_DIMS", "SQUEEZE", "BROADCAST_TO", "SHAPE"),
)
# What an exporter's mode (`Exporter.mode`) is in the table.
_SHORT = {"int8": "int8", "int16x8": "int16x8", "mixed": "int4_weights", "int4": "int4_weights"}


@dataclasses.dataclass(frozen=True)
class OperationTable:
    """The rows: by layer and mode the operations of its file, what each computes in, and who refused the file.

    Args:
      rows: as the JSON file has them.
    """

    rows: Mapping[str, Any]

    @property
    def versions(self) -> Mapping[str, str]:
        """What it was seen with."""
        return dict(self.rows["versions"])

    def operations(self) -> list[str]:
        """The names of all operations, in the order of the alphabet."""
        return sorted({op for _, _, cell in self._cells() for op in cell.get("operations", {})})

    def computes(self, op: str, mode: str) -> frozenset[str]:
        """What an operation computes in ("int8", "float32", "hybrid", ...), over all layers; empty: never seen.

        >>> sorted(table().computes("CONV_2D", "int8")), sorted(table().computes("SIN", "int8"))
        (['int8'], ['float32'])
        """
        found = set()
        for _, seen, cell in self._cells():
            if seen == mode and op in cell.get("operations", {}):
                found |= set(cell["operations"][op].split(" and "))
        return frozenset(found)

    def refusals(self, op: str, mode: str, runtime: str) -> tuple[str, ...]:
        """Why a runtime ("compiled" or "gpu") did not take, or computed wrongly, some files of this operation.

        Of a file of several operations a reason is this one's where it names it; or where no other file has it, and it
        names none.
        """
        reasons = (reason for reason in self._said(op, mode, runtime) if reason)
        return tuple(dict.fromkeys(reason.partition(". ")[0].rstrip(".") for reason in reasons))

    def is_refused(self, op: str, mode: str, runtime: str) -> bool:
        """Whether each file of this operation was refused for it."""
        said = self._said(op, mode, runtime)
        return bool(said) and all(said)

    def _said(self, op: str, mode: str, runtime: str) -> list[str]:
        """For each file that has the operation what was said against it; "" for nothing."""
        said, of_others = [], []
        for _, seen, cell in self._cells():
            operations = cell.get("operations", {})
            if seen != mode or op not in operations:
                continue
            reason = cell.get("runs", {}).get(runtime, "")
            if not reason or f"{op}:" in reason or len(operations) == 1:
                said.append(_about(op, reason))
            elif not any(f"{other}:" in reason for other in operations):
                of_others.append(reason)
        return said or of_others  # a file as a whole speaks of an operation that no other file has

    def stays_float(self, mode: str) -> frozenset[str]:
        """The operations that compute in float in an integer mode, in every file that has them.

        >>> "SIN" in table().stays_float("int8"), "CONV_2D" in table().stays_float("int8")
        (True, False)
        """
        kinds = {op: self.computes(op, mode) for op in self.operations()}
        return frozenset(op for op, found in kinds.items() if found and all(map(is_float, found)))

    def float_layers(self, mode: str) -> dict[str, tuple[str, ...]]:
        """The layers, by class, that have operations in float in an integer mode, and these operations.

        >>> "Conv2D" in table().float_layers("int8")
        False
        """
        found: dict[str, tuple[str, ...]] = {}
        for layer, seen, cell in self._cells():
            operations = tuple(op for op, kind in cell.get("operations", {}).items() if is_float(kind))
            if seen == mode and operations:
                found[layer] = operations
        return found

    def surely_float(self, layers: Mapping[str, str], mode: str) -> dict[str, tuple[str, ...]]:
        """The layers of a Keras model that will have operations in float in an integer mode, and these operations.

        Those alone whose class had them in every way of calling it that was tried; what only moves numbers does not
        count.

        Args:
          layers: the class of each, by name.
          mode: of the table.

        >>> table().surely_float({"flat": "Conv2D", "deep": "Conv3D"}, "int8")
        {'deep': ('CONV_3D',)}
        """
        left = self.float_layers(mode)
        tried: dict[str, list[str]] = {}
        for label in self.rows["layers"]:
            tried.setdefault(label.partition(",")[0], []).append(label)
        operations = {
            kind: tuple(sorted({op for label in labels for op in left[label] if op not in MOVING}))
            for kind, labels in tried.items()
            if all(label in left for label in labels)
        }
        return {name: operations[kind] for name, kind in layers.items() if operations.get(kind)}

    def _cells(self) -> Iterable[tuple[str, str, Mapping[str, Any]]]:
        for layer, modes in self.rows["layers"].items():
            for mode, cell in modes.items():
                yield layer, mode, cell


@cache
def table() -> OperationTable:
    """The table that this version of tfcompress was shipped with."""
    return OperationTable(json.loads(PATH.read_text(encoding="utf-8")))


def mode_in_table(mode: str) -> str:
    """The table's name of an exporter's mode.

    >>> mode_in_table("int8_per_tensor_float_io"), mode_in_table("mixed4"), mode_in_table("float16")
    ('int8', 'int4_weights', 'float16')
    """
    return next((short for start, short in _SHORT.items() if mode.startswith(start)), mode)


def is_float(kind: str) -> bool:
    """Whether an operation that computes in this does so in float, all or in part."""
    return any(each in ("hybrid", "mixed") or each.startswith(("float", "bfloat")) for each in kind.split(" and "))


def _about(op: str, reason: str) -> str:
    """Of "CAST: ...; GATHER: ..." what is said of one operation."""
    parts = [part.partition(":")[2].strip() for part in reason.split("; ") if part.startswith(f"{op}:")]
    return "; ".join(parts) or reason
