"""A user's own layers and functions: from a dictionary, from a Python file, or registered with either Keras."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from pathlib import Path
from typing import Any

from ...backend.search_path import with_folder
from ...backend.tensorflow import keras
from ...core.errors import InvalidValue, UnreadableModel
from ...layers.twins import keras3


def custom_objects_from(path: str | Path) -> dict[str, Any]:
    """Runs a Python file of the user's and collects the layers, models and functions that it defines or registers.

    Args:
      path: a .py file. Layers for a Keras 3 model must be of Keras 3: write `import keras` there, as `tf.keras` is
        tf_keras in this process.

    Returns:
      By name, as `load_model(custom_objects=...)` wants them.

    Raises:
      UnreadableModel: when the file is not there or fails when it runs.
      InvalidValue: when it defines nothing that a model could need.
    """
    path = Path(path)
    if not path.is_file():
        raise UnreadableModel(f"custom_objects_from.path must be a Python file. Received: {path}. There is none.")
    before = _registered()
    module = _run(path)
    own = {name: value for name, value in vars(module).items() if _is_part(value, module.__name__)}
    registered = {name: value for name, value in _registered().items() if name not in before}
    if not own and not registered:
        raise InvalidValue(
            f"custom_objects_from.path must define layers, models or functions. Received: {path}, which defines none. "
            "Give the file that defines the model's own classes."
        )
    return {**own, **registered}


def _registered() -> dict[str, Any]:
    return {**keras.saving.get_custom_objects(), **keras3().saving.get_custom_objects()}


def _run(path: Path) -> Any:
    name = f"tfcompress_custom_{path.stem}"
    specification = importlib.util.spec_from_file_location(name, path)
    if specification is None or specification.loader is None:
        raise UnreadableModel(f"custom_objects_from.path must end in .py. Received: {path}. Rename it.")
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # where its classes say that they live
    try:
        with with_folder(path.parent):  # files beside it can be imported, as from a script
            specification.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise UnreadableModel(
            f"custom_objects_from.path must run. Received: {path}, over {type(error).__name__}: {error}. Mend it."
        ) from error
    return module


def _is_part(value: Any, module: str) -> bool:
    kinds = (keras.layers.Layer, keras3().layers.Layer)
    is_layer = inspect.isclass(value) and issubclass(value, kinds)
    return (is_layer or inspect.isfunction(value)) and value.__module__ == module
