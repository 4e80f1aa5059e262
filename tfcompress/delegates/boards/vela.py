"""What Arm's compiler Vela estimates of a file on an Ethos-U: cycles, SRAM, flash, and what is left to the CPU."""

from __future__ import annotations

import csv
import dataclasses
import importlib.util
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from ...backend import child
from ...backend.search_path import for_children
from ...core.errors import expect
from ...core.tasks.task import BoundTask, Task
from ...core.temporaries import in_temporary_folder
from ...core.types import Artifact, Data, Finding, Refusal
from ...measuring.targets.file_operations import operations_of
from .. import judge

INSTALL = "pip install 'tfcompress[npu]'"
ACCELERATORS = (
    *("ethos-u55-32", "ethos-u55-64", "ethos-u55-128", "ethos-u55-256", "ethos-u65-256", "ethos-u65-512"),
    *("ethos-u85-128", "ethos-u85-256", "ethos-u85-512", "ethos-u85-1024", "ethos-u85-2048"),
)
KIB = 1024

_WARNING = re.compile(
    r"^Warning \(supported operators\) operator: (?P<op>\w+), ofm: '(?P<tensor>[^\n]*)'\nReason: (?P<reason>[^\n]+)",
    re.MULTILINE,
)
_OPERATORS = re.compile(r"^(CPU|NPU) operators = (\d+)", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Estimates:
    """What Vela estimates of one inference.

    Attributes:
      cycles: of the NPU and its memories, all in all.
      milliseconds: at Vela's clock for the accelerator.
      sram_bytes: for activations.
      flash_bytes: for weights and commands.
      cpu_operations: what is left to the CPU, with the reason for each.
      num_operations: of the compiled network, on the NPU and on the CPU.
    """

    cycles: int
    milliseconds: float
    sram_bytes: int
    flash_bytes: int
    cpu_operations: tuple[Refusal, ...]
    num_operations: tuple[int, int]

    def __str__(self) -> str:
        return (
            f"estimated: {self.cycles:,} cycles ({self.milliseconds:.3g} ms), {self.sram_bytes:,} bytes of SRAM, "
            f"{self.flash_bytes:,} bytes of flash"
        )


@dataclasses.dataclass(frozen=True)
class Vela:
    """Compiles a file for an Ethos-U by Arm's Vela, and reports its estimates of cycles, SRAM and flash.

    Nothing is run: the figures are marked "estimated", are of Vela's default system for the accelerator, and say
    nothing of outputs; another check has to run the file. The file "passes" where the NPU takes all of it. What falls
    back to the CPU is refused by name, with its layer and Vela's reason, and the estimates are of the rest. Where the
    package ethos-u-vela is not installed, the check is "not run".

    Args:
      accelerator: the NPU and its multiply-accumulates a cycle, such as "ethos-u55-256". Defaults to "ethos-u55-128".
      time_limit_s: seconds after which the child process is killed and the check fails. Defaults to 600.

    Raises:
      InvalidValue: a setting out of its range.

    >>> Vela().name
    'vela-ethos-u55-128'

    Reference: Arm, Vela compiler, https://gitlab.arm.com/artificial-intelligence/ethos-u/ethos-u-vela
    """

    accelerator: str = "ethos-u55-128"
    time_limit_s: float = 600.0

    def __post_init__(self) -> None:
        known = self.accelerator in ACCELERATORS
        expect(known, self, "accelerator", f"must be one of {', '.join(ACCELERATORS)}", "Use 'ethos-u55-128'.")
        judge.check_settings(self)

    @property
    def name(self) -> str:
        """As the report calls it."""
        return f"vela-{self.accelerator}"

    def missing(self) -> tuple[str, str] | None:
        """Why no file can be compiled here, and what to do; None where Vela is installed."""
        if importlib.util.find_spec("ethosu") is None:
            return "ethos-u-vela is not installed", f"Run: {INSTALL}"
        return None

    def run(
        self,
        artifact: Artifact,
        data: Data | None = None,
        against: judge.Runs | None = None,
        task: Task | BoundTask | None = None,
    ) -> Finding:
        """Compiles `artifact` in a child process; data, other runs and the task are not looked at.

        Returns:
          A Finding whose `device` has the estimates: "pass", "fail" where something is left to the CPU or the file does
          not compile, or "not run" with the reason and the fix.
        """
        missing = self.missing()
        if missing:
            return Finding(self.name, "not run", *missing)
        found = self.estimates(artifact)
        if isinstance(found, str):
            return Finding(self.name, "fail", found)
        on_npu, on_cpu = found.num_operations
        left, words = found.cpu_operations, ""
        if left or not on_npu:
            words = "; ".join(f"{each.op}: {each.reason}" for each in left) or "all of it"
            words = f"the CPU is left with {words}"
        return Finding(
            *(self.name, "fail" if words else "pass", words),
            device=str(found),
            num_ops=on_npu + on_cpu,
            num_delegated_ops=on_npu,
            refusals=left,
        )

    def estimates(self, artifact: Artifact) -> Estimates | str:
        """What Vela estimates of a file; where it gives up on it, its reason."""
        with in_temporary_folder("vela") as folder:
            command = [sys.executable, "-m", "tfcompress.backend.child"]  # so that it goes with this process
            command += [sys.executable, "-m", "ethosu.vela", str(artifact.path.resolve()), "--output-dir", str(folder)]
            command += ["--accelerator-config", self.accelerator, "--show-cpu-operations"]
            end = child.run_limited(command, self.time_limit_s, folder, {"PYTHONPATH": for_children()})
            if end.death:
                return f"Vela {end.death}"
            summaries = sorted(folder.glob("*_summary_*.csv"))
            lines = summaries[0].read_text(encoding="utf-8").splitlines() if summaries else []
            figures = next(csv.DictReader(lines), {})
        return estimates_from(figures, end.log, artifact)


def estimates_from(figures: Mapping[str, str], log: str, artifact: Artifact) -> Estimates:
    """Estimates from a line of Vela's summary, which it writes where the NPU takes anything, and from what it said."""

    def number(name: str) -> float:
        return float(figures.get(name, 0))

    counts = {where: int(count) for where, count in _OPERATORS.findall(log)}
    sram = sum(number(f"{memory}_memory_used") for memory in ("sram", "dram"))
    flash = sum(number(f"{memory}_flash_memory_used") for memory in ("on_chip", "off_chip"))
    return Estimates(
        cycles=round(number("cycles_total")),
        milliseconds=1e3 * number("inference_time"),
        sram_bytes=round(sram * KIB),
        flash_bytes=round(flash * KIB),
        cpu_operations=tuple(_left_to_the_cpu(log, artifact.path, artifact.layers)),
        num_operations=(counts.get("NPU", 0), counts.get("CPU", 0)),
    )


def _left_to_the_cpu(log: str, path: Path, layers: tuple[str, ...]) -> list[Refusal]:
    """The operations that Vela said it does not take, each kind and reason once, with their layers."""
    by_tensor = {each.tensor: each for each in operations_of(path)}
    found: dict[tuple[str, str], dict[str, None]] = {}
    for each in _WARNING.finditer(log):
        operation = by_tensor.get(each["tensor"])
        layer = operation.layer(layers) if operation else each["tensor"]
        reason = re.sub(r" \([^)]*\)$", "", each["reason"])  # a tensor, whose layer is said instead
        found.setdefault((each["op"], reason), {})[layer] = None
    return [Refusal(op, f"{reason} ({', '.join(named)})") for (op, reason), named in found.items()]
