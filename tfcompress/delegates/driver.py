"""Which Vulkan drivers the GPU check tries: the system's own, then that of `scripts/install_software_gpu`."""

from __future__ import annotations

import ctypes
import dataclasses
import importlib.util
import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path

INSTALL_COMMAND = "To install one that runs on the CPU: scripts/install_software_gpu (in a checkout of tfcompress)."

ACCELERATOR_LIBRARY = "libLiteRtWebGpuAccelerator.so"
VULKAN_LIBRARY = "libvulkan.so.1"
SOFTWARE_FILES = ("libvk_swiftshader.so", "vk_swiftshader_icd.json", VULKAN_LIBRARY)

_SYSTEM_ICD_FOLDERS = ("/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/usr/share/vulkan/icd.d")


@dataclasses.dataclass(frozen=True)
class Driver:
    """A Vulkan driver: what the child process must have in its environment, and load before LiteRT looks for it."""

    title: str
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    preload: tuple[str, ...] = ()


def software_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where `scripts/install_software_gpu` puts the software driver.

    >>> software_folder({"HOME": "/home/ada"}).as_posix()
    '/home/ada/.cache/tfcompress/software_gpu'
    """
    chosen = environment.get("TFCOMPRESS_SOFTWARE_GPU")
    if chosen:
        return Path(chosen)
    home = environment.get("HOME") or str(Path.home())
    return Path(environment.get("XDG_CACHE_HOME") or Path(home, ".cache"), "tfcompress", "software_gpu")


def software_driver(folder: Path) -> Driver | None:
    """The software driver in `folder`, or None when it is not there whole."""
    if not all((folder / name).is_file() for name in SOFTWARE_FILES):
        return None
    description = str((folder / "vk_swiftshader_icd.json").resolve())
    variables = {"VK_ICD_FILENAMES": description, "VK_DRIVER_FILES": description}  # the old name and the new one
    return Driver("the software driver", variables, (str((folder / VULKAN_LIBRARY).resolve()),))


def system_driver() -> Driver | None:
    """The system's Vulkan, when its loader can be loaded and some driver is described; its adapters show on use."""
    named = os.environ.get("VK_DRIVER_FILES") or os.environ.get("VK_ICD_FILENAMES")
    if not named and not any(any(Path(folder).glob("*.json")) for folder in _SYSTEM_ICD_FOLDERS):
        return None
    try:
        ctypes.CDLL(VULKAN_LIBRARY)
    except OSError:
        return None
    return Driver("the system's Vulkan driver")


def find_drivers() -> list[Driver]:
    """The drivers to try, best first: real hardware before its imitation."""
    return [driver for driver in (system_driver(), software_driver(software_folder())) if driver]


def obstacle() -> tuple[str, str] | None:
    """Why no GPU accelerator can run on this machine whatever its drivers: (reason, fix), or None."""
    if sys.platform != "linux" or platform.machine() not in ("x86_64", "AMD64"):
        return (
            f"LiteRT's GPU accelerator is used on Linux x86_64 only; this is {sys.platform} {platform.machine()}",
            "Run this check on a Linux x86_64 machine.",
        )
    package = importlib.util.find_spec("ai_edge_litert")
    folders = list(package.submodule_search_locations or ()) if package else []
    if not any(Path(folder, ACCELERATOR_LIBRARY).is_file() for folder in folders):
        return (
            f"the installed ai_edge_litert holds no {ACCELERATOR_LIBRARY}",
            'Install one that does: python -m pip install "ai-edge-litert>=2.2"',
        )
    return None
