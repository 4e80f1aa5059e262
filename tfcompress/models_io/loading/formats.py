"""What a model file is: asked of a child process, so that a damaged file cannot crash or hang this one."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from ...backend.child import run_limited
from ...backend.search_path import for_children
from ...core.errors import UnreadableModel, UnsupportedModel
from ...core.temporaries import in_temporary_folder
from .probe import MEMORY_LIMIT_BYTES, SEEN

TIME_LIMIT_S = 60.0
BYTES_PER_EXTRA_SECOND = 20 << 20  # a slow disk's
SAVE_INSTEAD = 'Save the model with model.save("model.keras") and load that file.'


@dataclasses.dataclass(frozen=True)
class Facts:
    """A file's `kind` ("keras", "h5", "saved_model"), the Keras that wrote it (2 or 3), and its model's settings.

    `training` is what an .h5 file says of compile; in a .keras file that is in `config`. `weights_bytes` are those of
    all arrays in it.
    """

    path: Path
    kind: str
    keras_major: int
    config: dict[str, Any]
    training: Any = None
    weights_bytes: int = 0

    @property
    def title(self) -> str:
        """For a message: "model.keras (Keras 3)"."""
        return f"{self.path.name} (Keras {self.keras_major})"


def find_facts(path: Path, time_limit_s: float | None = None) -> Facts:
    """Reads all of `path` in a child process and says what it is.

    Args:
      path: a .keras or .h5 file, or the folder of a SavedModel.
      time_limit_s: for the child. Defaults to 60 s and another second for each 20 MB.

    Raises:
      UnreadableModel: when there is no such file, or it is damaged.
      UnsupportedModel: when it is sound but holds no Keras model.
    """
    if not path.exists():
        raise UnreadableModel(
            f"load_model.path must be a file or folder. Received: {path}. There is none of this name."
        )
    if path.is_dir() and not (path / "saved_model.pb").is_file():  # at once: it may be all of a disk
        return facts_of(path, {"damage": "is a folder without saved_model.pb, so no SavedModel"})
    return facts_of(path, _ask_child(path, time_limit_s or TIME_LIMIT_S + _num_bytes(path) / BYTES_PER_EXTRA_SECOND))


def facts_of(path: Path, seen: dict[str, Any]) -> Facts:
    """What the probe saw, as facts. Raises what `find_facts` does."""
    if "damage" in seen:
        raise UnreadableModel(
            f"load_model.path must be a whole Keras model. Received: {path}, which {_short(seen['damage'])}. "
            "Copy or save the file again."
        )
    if seen["config"] is None:
        raise UnsupportedModel(_no_model(path, seen["kind"]))
    version, config = str(seen["keras_version"]), seen["config"]
    if not isinstance(config, dict):
        raise UnreadableModel(
            f"load_model.path must describe a model. Received: {path}, which does not. Save it again."
        )
    major = 3 if version.startswith("3") and seen["kind"] != "saved_model" else 2  # Keras 3 writes no such folder
    return Facts(path, seen["kind"], major, config, seen.get("training"), seen["weights_bytes"])


def _no_model(path: Path, kind: str) -> str:
    what = {
        "keras": "whose config.json is null;",
        "h5": "weights without a model (model.save_weights wrote it); build the model and load_weights, then",
        "saved_model": "a SavedModel without its Keras model (model.export wrote it), of which functions are left;",
    }[kind]
    return f"load_model.path must hold a Keras model. Received: {path}, {what} save it whole. {SAVE_INSTEAD}"


def _ask_child(path: Path, time_limit_s: float) -> dict[str, Any]:
    """What the probe sees, or, under "damage", how it died. It stands in a folder of ours, never in the file's."""
    with in_temporary_folder("read") as folder:
        command = [sys.executable, "-m", "tfcompress.models_io.loading.probe", str(path.resolve()), str(folder)]
        environment = {"PYTHONPATH": for_children(), "CUDA_VISIBLE_DEVICES": ""}
        end = run_limited(command, time_limit_s, folder, environment, MEMORY_LIMIT_BYTES)
        if end.death:
            return {"damage": f"cannot be read: its reader {end.death}"}
        try:
            return json.loads((folder / SEEN).read_text())
        except RecursionError:
            return {"damage": "nests its settings deeper than Python can read"}


def _num_bytes(path: Path) -> int:
    return sum(file.stat().st_size for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file())


def _short(text: str, num_characters: int = 300) -> str:
    return text if len(text) <= num_characters else text[:num_characters] + "..."
