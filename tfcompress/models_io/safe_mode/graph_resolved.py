"""A graph in which layers wait for each other is refused: Keras 2 would go round in it for ever."""

from __future__ import annotations

import contextlib
import importlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ...backend.tensorflow import keras
from ...core.errors import UnreadableModel


class _Made(OrderedDict[str, Any]):
    """Layers by name; true even while there are none, or Keras puts another one in its place."""

    def __bool__(self) -> bool:
        return True

    def num_calls(self) -> int:
        return sum(len(layer._inbound_nodes) for layer in self.values())


class _Rounds(list[Any]):
    """The layers of a configuration, which Keras goes through once to make them, and then until all were called."""

    def __init__(self, layers: Any, made: _Made, path: Path):
        super().__init__(layers)
        self.made, self.path = made, path
        self.calls: list[int] = []  # that there were at the begin of each round

    def __iter__(self) -> Iterator[Any]:
        self.calls.append(self.made.num_calls())
        if len(self.calls) > 2 and self.calls[-1] == self.calls[-2]:
            raise UnreadableModel(
                f"load_model.path must hold layers that are called one after another. Received: {self.path}, in which "
                "some wait for each other, or for a call that is not there. Save the model again."
            )
        return super().__iter__()


@contextlib.contextmanager
def graph_resolved(path: Path) -> Iterator[None]:
    """While the block lasts, tf_keras makes a graph only as long as each round through its layers calls one.

    Args:
      path: of the file, for the message.

    Raises:
      UnreadableModel: where it would never come to an end.

    >>> layer = {"class_name": "Dense", "config": {"name": "d", "units": 1}, "name": "d"}
    >>> layer["inbound_nodes"] = [[["d", 0, 0, {}]]]
    >>> graph = {"name": "m", "layers": [layer], "input_layers": [], "output_layers": [["d", 0, 0]]}
    >>> with graph_resolved(Path("model.keras")):
    ...     keras.Model.from_config(graph)
    Traceback (most recent call last):
    ...
    tfcompress.core.errors.UnreadableModel: load_model.path must hold layers that are called one after another. ...
    """
    module: Any = importlib.import_module(f"{keras.__name__}.src.engine.functional")  # Keras's own, not documented
    original = module.reconstruct_from_config

    def watched(config: Mapping[str, Any], custom_objects: Any = None, created_layers: Any = None) -> Any:
        made = _Made(created_layers or {})
        return original({**config, "layers": _Rounds(config["layers"], made, path)}, custom_objects, made)

    module.reconstruct_from_config = watched
    try:
        yield
    finally:
        module.reconstruct_from_config = original
