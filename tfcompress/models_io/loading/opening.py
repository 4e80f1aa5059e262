"""A model file as its own Keras reads it, once it is known to be sound and free of code."""

from __future__ import annotations

import contextlib
import importlib
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ...backend.search_path import without_current_folder
from ...backend.tensorflow import keras, tf
from ...core.errors import TfcompressError, UnreadableModel, UnsupportedModel
from ...layers.twins import keras3
from ..copying import load_model as load_own
from ..safe_mode.graph_resolved import graph_resolved
from ..safe_mode.parts import parts_of
from ..safe_mode.safety import require_safe
from ..safe_mode.weights_held import weights_within
from .formats import SAVE_INSTEAD, Facts, facts_of
from .probe import seen

# What either Keras says when a configuration names a class that it does not know.
_UNKNOWN_CLASS = re.compile(
    r"(?:Unknown (?:layer|object)|Could not (?:locate|deserialize) (?:class|function)):? '?\"?([\w>.]+)"
)


def open_model(facts: Facts, custom_objects: Mapping[str, Any], safe_mode: bool) -> Any:
    """Makes the model of a file, uncompiled.

    Args:
      facts: of the file, as `find_facts` gives them.
      custom_objects: the user's own classes and functions by name.
      safe_mode: whether Keras, too, shall refuse code in the file.

    Returns:
      A model of the Keras that wrote the file.

    Raises:
      UnsupportedModel: when a class is not known here.
      UnreadableModel: when the file does not hold the weights that it describes, or Keras cannot make it for any other
        reason.
    """
    opener = _OPENERS[facts.kind, facts.keras_major]
    with _in_words(facts), weights_within(facts.weights_bytes, facts.path), graph_resolved(facts.path):
        return opener(facts, dict(custom_objects), safe_mode)


def open_saved(path: Path, safe_mode: bool = True) -> Any:
    """Makes the model of a .keras file that a stage of a run wrote, as it was: quantization wrappers stay.

    Args:
      path: of the file.
      safe_mode: False where the run began from a model whose code the user trusts. Defaults to True.

    Raises:
      UnreadableModel: when the file is damaged.
      UnsupportedModel: when the file would run code: a run folder may have come from elsewhere.
    """
    with without_current_folder():
        facts = facts_of(path, seen(path))  # in this process: a child takes longer than all the rest
        if (facts.kind, facts.keras_major, path.suffix) != ("keras", 2, ".keras"):
            raise UnreadableModel(
                f"{path} must be a .keras file that a stage wrote. Received: {facts.title}. Give the command that made "
                "the run again: it makes what is damaged anew."
            )
        if safe_mode:
            require_safe(facts.config, str(path), major=2)
        with weights_within(facts.weights_bytes, path), graph_resolved(path):
            return load_own(path, safe_mode=safe_mode)


def _open_keras3(facts: Facts, custom_objects: dict[str, Any], safe_mode: bool) -> Any:
    with parts_of(3).scope(custom_objects), _with_suffix(facts) as path:
        return keras3().models.load_model(path, compile=False, safe_mode=safe_mode)


def _open_keras2(facts: Facts, custom_objects: dict[str, Any], safe_mode: bool) -> Any:
    with parts_of(2).scope(custom_objects), _with_suffix(facts) as path:
        return load_own(path, safe_mode=safe_mode)


def _open_saved_model(facts: Facts, custom_objects: dict[str, Any], safe_mode: bool) -> Any:
    """Only the configuration and the weights are used: functions that the SavedModel holds are never run."""
    kinds = {"Functional": keras.Model, "Model": keras.Model, "Sequential": keras.Sequential}
    kind = kinds.get(facts.config["class_name"])
    if kind is None:
        raise UnsupportedModel(
            f"load_model.path must hold a functional or sequential model. Received: {facts.path}, a SavedModel of the "
            f"subclassed model {facts.config['class_name']!r}, whose graph is not written down. {SAVE_INSTEAD}"
        )
    trusting = importlib.import_module(f"{keras.__name__}.src.saving.serialization_lib").SafeModeScope
    with parts_of(2).scope(custom_objects), trusting(safe_mode):
        model = kind.from_config(_with_tuples(facts.config["config"]))
    checkpoint = tf.train.Checkpoint(model)
    checkpoint.read(str(facts.path / "variables" / "variables")).expect_partial().assert_existing_objects_matched()
    return model


@contextlib.contextmanager
def _with_suffix(facts: Facts) -> Iterator[Path]:
    """The file under a name that ends as Keras wants it to, whatever its own."""
    if facts.path.suffix == f".{facts.kind}":
        yield facts.path
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"model.{facts.kind}"
        path.symlink_to(facts.path.resolve())
        yield path


def _with_tuples(config: Any) -> Any:
    """A SavedModel's configuration with the tuples and shapes that its JSON spells out."""
    if isinstance(config, dict):
        if config.get("class_name") in ("__tuple__", "TensorShape") and "items" in config:
            return tuple(_with_tuples(item) for item in config["items"])
        return {name: _with_tuples(value) for name, value in config.items()}
    return [_with_tuples(value) for value in config] if isinstance(config, list) else config


_OPENERS: dict[tuple[str, int], Callable[[Facts, dict[str, Any], bool], Any]] = {
    ("keras", 3): _open_keras3,
    ("h5", 3): _open_keras3,
    ("keras", 2): _open_keras2,
    ("h5", 2): _open_keras2,
    ("saved_model", 2): _open_saved_model,
}


@contextlib.contextmanager
def _in_words(facts: Facts) -> Iterator[None]:
    """Whatever Keras raises over a file is a fault of the file, and becomes one line."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras's advice is for the one who saved the file
            yield
    except (TfcompressError, MemoryError):
        raise
    except Exception as error:
        words = " ".join(str(error).split())
        unknown = _UNKNOWN_CLASS.search(words)
        if unknown:
            raise UnsupportedModel(
                f"load_model.custom_objects must bring the classes that {facts.title} needs. Received: none of the "
                f"name {unknown[1]!r}. Give custom_objects={{{unknown[1]!r}: ...}}, or the Python file that defines it "
                "(--custom FILE)."
            ) from error
        raise UnreadableModel(
            f"load_model.path must be a model that Keras {facts.keras_major} can make. Received: {facts.path}, over "
            f"which it says: {type(error).__name__}: {words[:300]} Save the model again, with a current version."
        ) from error
