"""A model out to a file that `load_model` reads back with equal outputs, whatever stage it comes from."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from ..backend.tensorflow import keras
from ..core.disk import output_errors
from ..core.errors import InvalidValue
from .copying import save_model as write

SUFFIXES = (".keras", ".h5")


def save_model(model: Any, path: str | Path) -> None:
    """Writes a tf_keras model, pruned, clustered or quantization-aware ones too, whole or not at all.

    Args:
      model: a tf_keras model; its optimizer is left behind.
      path: ends in .keras or .h5; its folder exists. A file of this name is replaced.

    Raises:
      InvalidValue: for another ending, or a model that is not of tf_keras.
      OutputNotWritable: when the folder cannot be written.
      OutputFull: when there is no space left.

    Example:

    >>> import tempfile, tfcompress as tfc
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tfc.save_model(model, f"{folder}/small.keras")
    ...     tfc.load_model(f"{folder}/small.keras").count_params()
    15
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise InvalidValue(f"save_model.path must end in .keras or .h5. Received: {str(path)!r}. Use .keras.")
    if not isinstance(model, keras.Model):
        raise InvalidValue(
            f"save_model.model must be a tf_keras model. Received: a {type(model).__module__} {type(model).__name__}. "
            "Bring it in with load_model first."
        )
    with output_errors(path.parent):
        handle, partial = tempfile.mkstemp(suffix=path.suffix, prefix=f".{path.stem}-", dir=path.parent)
        os.close(handle)
        try:
            write(model, Path(partial))
            os.chmod(partial, 0o666 & ~_umask())  # mkstemp's files are for their owner alone
            os.replace(partial, path)
        finally:
            Path(partial).unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
