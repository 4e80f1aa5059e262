"""A user's model file as a value: where a recipe starts from, and what the file says of itself without TensorFlow."""

from __future__ import annotations

import ast
import dataclasses
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from ...core.errors import UnreadableModel
from .formats import Facts, find_facts

PREPROCESSING = ("Rescaling", "Normalization")


@dataclasses.dataclass(frozen=True)
class ModelFile:
    """A model in a file; calling it gives the model, as `load_model` does, so that a stage can start from it.

    Args:
      path: a .keras or .h5 file, or the folder of a SavedModel.
      custom: a Python file that defines the model's own layers. Defaults to None.
      trust: whether code in the file (Lambda layers) may run. Defaults to False.

    Raises:
      UnreadableModel: at the first use, when there is no such file, or it is damaged.

    Example:

    >>> ModelFile("model.keras").trust
    False
    """

    path: str | Path
    custom: str | Path | None = None
    trust: bool = False

    def __call__(self) -> Any:
        """The model. Raises what `load_model` raises."""
        from .custom import custom_objects_from
        from .door import load_model

        custom_objects = custom_objects_from(self.custom) if self.custom else None
        return load_model(self._file, custom_objects=custom_objects, safe_mode=not self.trust)

    @property
    def input_shape(self) -> tuple[int | None, ...] | None:
        """The shape of one example as the file has it, (height, width, channels) for images; None when it does not.

        A length that the model leaves open is None.
        """
        keys = ("batch_shape", "batch_input_shape", "build_input_shape", "input_shape")
        shapes = (item[key] for item in _mappings(self._facts.config) for key in keys if _is_shape(item.get(key)))
        shape = next(shapes, None)
        return None if shape is None else tuple(shape[1:])

    @property
    def preprocesses(self) -> bool:
        """Whether a layer of the model scales its input itself, so that it takes pixels from 0 to 255."""
        return any(item.get("class_name") in PREPROCESSING for item in _mappings(self._facts.config))

    def identity(self) -> dict[str, Any]:
        """What is in the files, not where they lie."""
        custom = _with_imports(Path(self.custom)) if self.custom else []
        return {"type": "ModelFile", "model": _digest([self._file]), "custom": _digest(custom) if custom else None}

    @property
    def _file(self) -> Path:
        return Path(self.path).expanduser()

    @cached_property
    def _facts(self) -> Facts:
        return find_facts(self._file)


def _mappings(config: Any) -> Iterator[Mapping[str, Any]]:
    """Every mapping in a configuration, the outer ones first."""
    if isinstance(config, Mapping):
        yield config
        for value in config.values():
            yield from _mappings(value)
    elif isinstance(config, list):
        for value in config:
            yield from _mappings(value)


def _is_shape(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 1 and value[0] is None


def _digest(paths: Sequence[Path]) -> str:
    """Of files, and of all files in folders: their names, and what is in them."""
    digest = hashlib.sha256()
    try:
        for path in paths:
            for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                if file.is_file() or not path.is_dir():
                    content = file.read_bytes()
                    name = file.relative_to(path).as_posix() if path.is_dir() else file.suffix
                    digest.update(f"{name} {len(content)}\n".encode() + content)
    except OSError as error:
        raise UnreadableModel(
            f"ModelFile.path must be a file. Received: {path} ({error.strerror}). Look at its name."
        ) from error
    return digest.hexdigest()[:16]


def _with_imports(path: Path) -> list[Path]:
    """A Python file, and the files and packages beside it that it imports, and that these import."""
    found: list[Path] = []
    waiting = [path]
    while waiting:
        file = waiting.pop()
        if file in found:
            continue
        found.append(file)
        names = {name for source in _python_in(file) for name in _imports(source)}
        beside = [path.parent / part for name in sorted(names) for part in (f"{name}.py", name)]
        waiting += [each for each in beside if each.is_file() or each.is_dir()]
    return found


def _python_in(path: Path) -> list[Path]:
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


def _imports(source: Path) -> Iterator[str]:
    """The first parts of the names that a Python file imports; none of one that cannot be read."""
    try:
        tree = ast.parse(source.read_bytes())
    except (OSError, SyntaxError, ValueError):  # who opens the file will say so
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
