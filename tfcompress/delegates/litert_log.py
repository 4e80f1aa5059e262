"""What LiteRT wrote on stderr, the only place where it names the GPU's adapter, and its reasons to refuse a file."""

from __future__ import annotations

import dataclasses
import re

from ..core.types import Finding, Refusal

_ADAPTER = re.compile(r"Selected adapter: (?P<name>[^,\n]+)(?P<rest>[^\n]*)")
_REFUSALS = re.compile(
    r"Following operations are not supported by GPU delegate:\n(?P<lines>.*?)\n"
    r"(?P<gpu>\d+) operations will run on the GPU, and the remaining (?P<cpu>\d+) operations",
    re.DOTALL,
)
_NOT_YET = re.compile(
    r"^ERROR: (?:\[[^\]\n]*\] *)?(?P<what>[A-Z][\w ]*?) (?P<reason>not yet supported)\b", re.MULTILINE
)


def adapter(log: str) -> str:
    """The adapter that the delegate selected, its backend, and "software" where it is no hardware; "" for none.

    >>> adapter("Selected adapter: SwiftShader Device, vendor=google, backend=Vulkan, adapterType=CPU / Software")
    'SwiftShader Device, Vulkan, software'
    """
    found = _ADAPTER.search(log)
    if not found:
        return ""
    backend = re.search(r"backend=([^,\n]+)", found["rest"])
    words = [found["name"].strip(), backend[1].strip() if backend else "", "software" if _is_cpu(found["rest"]) else ""]
    return ", ".join(filter(None, words))


def is_software(log: str) -> bool:
    """Whether the selected adapter is a program on the CPU: right in its outputs, meaningless in its times."""
    found = _ADAPTER.search(log)
    return found is not None and _is_cpu(found["rest"])


def has_no_adapter(log: str) -> bool:
    """Whether the delegate said that it found no adapter that it can use."""
    return "No adapters found" in log or "Couldn't load Vulkan" in log


def refusals(log: str) -> tuple[Refusal, ...]:
    """The operations that the delegate refused, each with its own words; or what it does not take in any file.

    >>> refusals("Following operations are not supported by GPU delegate:\\nGATHER: Only support 1D indices\\n"
    ...          "2 operations will run on the GPU, and the remaining 1 operations will run on the CPU.")
    (Refusal(op='GATHER', reason='Only support 1D indices'),)
    >>> refusals("ERROR: [model_load.cc:316] Variable tensors not yet supported.")
    (Refusal(op='Variable tensors', reason='not yet supported'),)
    """
    whole = [Refusal(found["what"], found["reason"]) for found in _NOT_YET.finditer(log)]
    if whole:
        return tuple(dict.fromkeys(whole))
    lines = [line for found in _REFUSALS.finditer(log) for line in found["lines"].splitlines()]
    pairs = (line.partition(": ") for line in dict.fromkeys(lines) if line.strip())
    return tuple(Refusal(op.strip(), reason.strip()) for op, _, reason in pairs)


def operations_taken(log: str) -> tuple[int, int] | None:
    """How many operations would run on the GPU and how many there are, where the delegate refused some."""
    found = _REFUSALS.search(log)
    return (int(found["gpu"]), int(found["gpu"]) + int(found["cpu"])) if found else None


def first_error(log: str) -> str:
    """The first error in the log, which is the cause; what follows it is how the error travelled.

    >>> first_error("INFO: fine\\nERROR: [model_load.cc:316] Variable tensors not yet supported.\\nERROR: failed")
    'Variable tensors not yet supported.'
    """
    found = re.search(r"^ERROR: (?:\[[^\]\n]*\] *)?(\S[^\n]*)$", log, re.MULTILINE)
    return found[1] if found else ""


def with_refusals(found: Finding, log: str) -> Finding:
    """A Finding of a file that did not run, with what LiteRT refused of it and why."""
    refused, taken = refusals(log), operations_taken(log)
    if not refused or not taken:
        error = first_error(log)
        named = dataclasses.replace(found, reason=f"{found.reason}: {error}") if error else found
        return dataclasses.replace(named, refusals=refused)
    num_taken, num_ops = taken
    words = "; ".join(f"{refusal.op}: {refusal.reason}" for refusal in refused)
    return dataclasses.replace(
        found,
        reason=f"the delegate takes {num_taken} of {num_ops} operations; it refuses {words}",
        num_ops=num_ops,
        num_delegated_ops=num_taken,
        refusals=refused,
    )


def _is_cpu(rest: str) -> bool:
    return "adapterType=CPU" in rest
