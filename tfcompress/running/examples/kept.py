"""Reading what a run keeps of its test split, in the folder examples/. No TensorFlow here."""

from __future__ import annotations

from typing import Any

from ..store import Store

FOLDER, NAME, FORMAT = "examples", "kept.json", 1


def kept_of(store: Store) -> dict[str, Any]:
    """What was kept, as JSON; empty where nothing is, or it is not what was written."""
    found = store.read_json(f"{FOLDER}/{NAME}")
    return found if isinstance(found, dict) and found.get("format") == FORMAT else {}


def kept_files(store: Store) -> dict[str, str]:
    """The files of examples/ from the run folder, each with its SHA-256."""
    found = kept_of(store)
    if not found:
        return {}
    name = f"{FOLDER}/{NAME}"
    return {name: store.digest(name), **{f"{FOLDER}/{each}": sha for each, sha in found["files"].items()}}
