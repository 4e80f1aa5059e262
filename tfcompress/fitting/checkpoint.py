"""A training that goes on where a killed process left it: weights, the optimizer's state and the epoch, on disk.

The order of examples and their augmentation are functions of (seed, epoch), so that the weights in the end are those of
a training that was not interrupted, bit for bit; the state of random layers is kept too (`random_layers`), and that of
callbacks in variables. What keeps a state elsewhere begins anew: a callback that does not say that it can be resumed.
"""

from __future__ import annotations

import json
import os
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..backend.tensorflow import keras, tf
from ..core.contracts import ResumableCallback
from ..core.disk import output_errors
from ..core.progress import checkpoint_path
from .random_layers import states_of_draws

EVERY_S = 5.0  # at most this much of short epochs is lost
# tfmot's counts by the optimizer's steps; ours has its masks from the weights that its stage begins with.
STATELESS = ("UpdatePruningStep", "KeptZeros")


class Checkpoint:
    """How far a training is, in a file that is replaced whole after each epoch.

    Args:
      path: of the file.
      model: compiled, whose training begins.
      epochs: of the training.
      callbacks: of the training, which hear that it goes on.
    """

    def __init__(self, path: Path, model: Any, epochs: int, callbacks: Sequence[Any]):
        self.path, self.model, self.epochs, self.callbacks = path, model, epochs, callbacks
        self.history: dict[str, list[float]] = {}
        self._written = time.monotonic()

    def restore(self) -> int:
        """Gives model and optimizer what the file holds; returns how many epochs are done, 0 without a usable file."""
        import numpy as np

        if not self.path.exists():
            return 0
        variables = self._variables()
        try:
            with open(self.path, "rb") as stream, np.load(stream, allow_pickle=False) as saved:
                about = json.loads(str(saved["about"]))
                values = [saved[str(number)] for number in range(len(variables))]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return 0
        shapes = [tuple(variable.shape) for variable in variables]
        if about["epochs"] != self.epochs or [value.shape for value in values] != shapes:
            return 0
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        self.history = about["history"]
        for callback in self.callbacks:
            if isinstance(callback, ResumableCallback):
                callback.resumed(about["done"], self.epochs, {name: [*logs] for name, logs in self.history.items()})
        return int(about["done"])

    def callback(self) -> Any:
        """The Keras callback that writes the file."""
        return keras.callbacks.LambdaCallback(on_epoch_end=self._epoch)

    def _epoch(self, epoch: int, logs: dict[str, float]) -> None:
        for name, value in logs.items():
            self.history.setdefault(name, []).append(float(value))
        if time.monotonic() - self._written >= EVERY_S:
            self._write({"done": epoch + 1, "epochs": self.epochs, "history": self.history})
            self._written = time.monotonic()

    def _write(self, about: dict[str, Any]) -> None:
        import numpy as np

        values = {str(number): variable.numpy() for number, variable in enumerate(self._variables())}
        folder = self.path.parent
        with output_errors(folder.parent):
            folder.mkdir(parents=True, exist_ok=True)
            partial = self.path.with_suffix(".partial.npz")
            np.savez(partial, about=np.array(json.dumps(about)), **values)
            os.replace(partial, self.path)

    def _variables(self) -> list[Any]:
        """The model's, the optimizer's (made first where no step was taken yet), random layers' and callbacks'."""
        optimizer, trained = self.model.optimizer, self.model.trainable_variables
        if hasattr(optimizer, "build"):
            optimizer.build(trained)
        elif not optimizer.iterations.numpy():  # of Keras's older kind: a step makes them, and what it does is undone
            optimizer.apply_gradients([(tf.zeros_like(variable), variable) for variable in trained])
        own = optimizer.variables
        kept = [variable for callback in self.callbacks for variable in getattr(callback, "kept_variables", ())]
        return [*self.model.weights, *(own() if callable(own) else own), *states_of_draws(self.model), *kept]


def checkpoint_of(model: Any, epochs: int, callbacks: Sequence[Any]) -> Checkpoint | None:
    """How a training is resumed; None where nobody wants it, or where it would not give the same weights."""
    path = checkpoint_path()
    if path is None or tf.distribute.has_strategy() or not all(map(_is_resumable, callbacks)):
        return None
    return Checkpoint(path, model, epochs, callbacks)


def _is_resumable(callback: Any) -> bool:
    return isinstance(callback, ResumableCallback) or type(callback).__name__ in STATELESS
