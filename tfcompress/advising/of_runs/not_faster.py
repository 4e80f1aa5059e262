"""An integer file that is no faster than the float one, and why."""

from __future__ import annotations

from collections.abc import Collection

from ...core.types import Advice, Finding
from ...running.records import FileRecord
from ...running.report import Report
from ..evidence import Evidence

NO_FASTER = 0.95  # of the float file's time
LEAST_MS = 0.05  # below it a call's own cost is most of what is measured
FEW_MACS = 8.0  # for each number that is computed: below it the time goes into moving them
DOT_PRODUCTS = ("avx_vnni", "avx512_vnni", "asimddp", "i8mm")  # as Linux names what multiplies int8 fast


def not_faster(report: Report, evidence: Evidence, flags: Collection[str]) -> Advice | None:
    """Compares the smallest integer file with the first float one, on the CPU that both were measured on.

    Args:
      report: of the run.
      evidence: of the smallest file.
      flags: of the CPU, as /proc/cpuinfo has them; none where they are not known.
    """
    small = min(report.files, key=lambda each: each.zipped_bytes, default=None)
    plain = next((file for file in report.files if file.mode == "float32"), None)
    if small is None or plain is None or not small.mode.startswith("int"):
        return None
    times = [found.latency.median_ms for file in (small, plain) if (found := _timed(file)) and found.latency]
    if len(times) < 2 or times[1] < LEAST_MS or times[0] < NO_FASTER * times[1]:
        return None
    reason, follow = _reason(small.mode, evidence, flags)
    if not reason:
        return None
    return Advice(
        "not faster",
        f"{small.variant} takes {times[0]:.3f} ms and {plain.variant} {times[1]:.3f}: {reason}.",
        None,
        None,
        follow,
    )


def _reason(mode: str, evidence: Evidence, flags: Collection[str]) -> tuple[str, str]:
    if mode.startswith("int16x8"):
        return "int16x8 has no optimized kernels", "export Int8(), and train with QuantizeAware() for accuracy"
    if any(op.on_xnnpack is False for op in evidence.operations if op.arithmetic != "conversion"):
        return "", ""  # which is said of its operations
    macs, numbers = (sum(getattr(op, name) for op in evidence.operations) for name in ("macs", "numbers"))
    if macs < FEW_MACS * numbers:
        return (
            f"it moves numbers more than it multiplies them, {macs / max(numbers, 1):.1f} multiply-accumulates for "
            "each, and is bound by memory",
            "remove channels with PruneChannels(0.3), or make the images smaller early",
        )
    if flags and not set(DOT_PRODUCTS) & set(flags):
        return (
            "this CPU has no instructions for dot products of int8 (VNNI, dotprod), as phones have",
            "measure on the device that it is for",
        )
    return "", ""


def _timed(file: FileRecord) -> Finding | None:
    return next((each for each in file.findings.values() if each.latency), None)


def cpu_flags() -> frozenset[str]:
    """The flags of this machine's first CPU; none where Linux does not say them."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as stream:
            lines = [line for line in stream if line.startswith(("flags", "Features"))]
    except OSError:
        return frozenset()
    return frozenset(lines[0].partition(":")[2].split()) if lines else frozenset()
