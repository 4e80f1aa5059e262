"""A model out to a file that `load_model` reads back with equal outputs, whatever stage it comes from.

The file is of Keras 2, as models are here, or of Keras 3, for whoever has no tfcompress.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..backend.tensorflow import keras as tf_keras
from ..core.disk import output_errors
from ..core.errors import InvalidValue
from .copying import save_model as write
from .returning.keras3_model import to_keras3

SUFFIXES = (".keras", ".h5")


def save_model(model: Any, path: str | Path, *, keras: int = 2, original: Any = None) -> None:
    """Writes a tf_keras model, pruned, clustered or quantization-aware ones too, whole or not at all.

    Args:
      model: a tf_keras model; its optimizer is left behind.
      path: ends in .keras or .h5; its folder exists. A file of this name is replaced.
      keras: the Keras that shall read the file, 2 or 3. For 3 the model goes through `to_keras3`, and the file, a
        .keras, is read by plain `keras.models.load_model`. Defaults to 2.
      original: as for `to_keras3`. Defaults to None.

    Raises:
      InvalidValue: for another ending, or a model that is not of tf_keras.
      UnsupportedModel: for a model that has no Keras 3 form where `keras` is 3.
      OutputNotWritable: when the folder cannot be written.
      OutputFull: when there is no space left.

    Example:

    >>> import tempfile, tfcompress as tfc
    >>> model = tf_keras.Sequential([tf_keras.Input((4,)), tf_keras.layers.Dense(3)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tfc.save_model(model, f"{folder}/small.keras")
    ...     tfc.load_model(f"{folder}/small.keras").count_params()
    15
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise InvalidValue(f"save_model.path must end in .keras or .h5. Received: {str(path)!r}. Use .keras.")
    if keras not in (2, 3):
        raise InvalidValue(f"save_model.keras must be 2 or 3. Received: {keras!r}. Use 3 for a file of Keras 3.")
    if keras == 3 and path.suffix != ".keras":
        raise InvalidValue(f"save_model.path must end in .keras for Keras 3. Received: {str(path)!r}. Use .keras.")
    if keras == 2 and original is not None:
        raise InvalidValue(
            "save_model.original must be left out for a file of Keras 2, which has the model's own names. Received: a "
            f"{type(original).__name__}. Say keras=3, or leave it out."
        )
    if not isinstance(model, tf_keras.Model):
        raise InvalidValue(
            f"save_model.model must be a tf_keras model. Received: a {type(model).__module__} {type(model).__name__}. "
            "Bring it in with load_model first."
        )
    if keras == 3:
        made = to_keras3(model, original)
        _whole(path, made.save)
    else:
        _whole(path, lambda partial: write(model, partial))


def _whole(path: Path, write_to: Callable[[Path], None]) -> None:
    """Writes a file under another name, and gives it its own when it is complete."""
    with output_errors(path.parent):
        handle, partial = tempfile.mkstemp(suffix=path.suffix, prefix=f".{path.stem}-", dir=path.parent)
        os.close(handle)
        try:
            write_to(Path(partial))
            os.chmod(partial, 0o666 & ~_umask())  # mkstemp's files are for their owner alone
            os.replace(partial, path)
        finally:
            Path(partial).unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
