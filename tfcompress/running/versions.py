"""Where and with what figures were made: a number without its machine and versions says little."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

from .. import __version__
from ..backend.threads import is_deterministic

ONE_THREAD = "threads_in_operation"  # of --deterministic
PACKAGES = ("tensorflow", "tf_keras", "tensorflow-model-optimization", "ai-edge-litert", "numpy")


def versions() -> dict[str, str]:
    """Versions of Python, of tfcompress and of the packages that figures depend on, read without importing them."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return {"python": platform.python_version(), "tfcompress": __version__, **found}


def machine() -> dict[str, str | int]:
    """The processor, how many cores of it this process may use, and the operating system; threads if one."""
    found: dict[str, str | int] = {"cpu": _cpu_name(), "num_cores": _num_cores(), "system": platform.platform()}
    return found | ({ONE_THREAD: 1} if is_deterministic() else {})


def _num_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
