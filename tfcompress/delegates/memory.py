"""Memory of this process, as Linux counts it.

`ru_maxrss` is not used where /proc exists: after vfork and exec, which is how `subprocess` starts a child, it still
holds the *parent's* peak, and a parent that has TensorFlow loaded would hide every model behind its gigabyte.
"""

from __future__ import annotations

import contextlib
import re
import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def _status_bytes(field: str) -> int | None:
    try:
        found = re.search(rf"^{field}:\s+(\d+) kB$", _STATUS.read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None


def start_of_peak() -> int:
    """Makes the peak start anew, where the kernel allows it, and gives the resident bytes to subtract from it later."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # "5" sets the peak to what is resident now
    resident = _status_bytes("VmRSS")
    return peak_bytes() if resident is None else resident


def peak_bytes() -> int:
    """The most bytes that were ever resident in this process."""
    peak = _status_bytes("VmHWM")
    if peak is not None:
        return peak
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, the others kilobytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
