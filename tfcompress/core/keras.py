"""The one door to TensorFlow, Keras 2 (tf_keras) and tfmot: nothing else in tfcompress imports them.

`tf`, `keras` and `tfmot` are imported when first used, so that `--help`, a recipe's settings and errors in arguments
come without TensorFlow's seconds of start-up. tfmot works on tf_keras alone and reads TF_USE_LEGACY_KERAS at its own
import; to set it here, before anything is imported, makes the order of imports irrelevant.
"""

from __future__ import annotations

import importlib
import os
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any


class _Lazy(ModuleType):
    """A module that is imported at its first attribute access."""

    def __getattr__(self, attribute: str) -> Any:
        _prepare()
        return getattr(importlib.import_module(self.__name__), attribute)


def _prepare() -> None:
    """Says to TensorFlow, before its import, which Keras is meant and that its start-up chatter is not wanted."""
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # oneDNN reorders sums: the same seed would not give the same model


tf: Any = _Lazy("tensorflow")
keras: Any = _Lazy("tf_keras")
tfmot: Any = _Lazy("tensorflow_model_optimization")


def set_seed(seed: int) -> None:
    """Makes what follows repeatable: Python's, NumPy's and TensorFlow's random numbers, and the order of sums."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def _scope() -> Any:
    """The scope in which tfmot's layers can be made from their configurations, its sparsity-preserving ones included."""
    scheme = tfmot.quantization.keras.collab_opts.Default8BitPrunePreserveQuantizeScheme
    registry = importlib.import_module(scheme.__module__.rpartition(".")[0] + ".prune_preserve_quantize_registry")
    quantizers = {name: value for name, value in vars(registry).items() if name.endswith("Quantizer")}
    return tfmot.quantization.keras.quantize_scope(quantizers)


def wrappers(model: Any) -> list[Any]:
    """tfmot's quantization wrappers among the layers of `model`; empty when it is not quantization-aware."""
    return [layer for layer in model.layers if hasattr(layer, "quantize_config") and hasattr(layer, "_weight_vars")]


def is_quantization_aware(model: Any) -> bool:
    """Whether `model` came from tfmot's `quantize_model`."""
    return bool(wrappers(model))


def model_suffix(model: Any) -> str:
    """The file format that reloads `model` exactly: tfmot's quantization wrappers fail in .keras, and work in .h5."""
    return ".h5" if is_quantization_aware(model) else ".keras"


def copy_model(model: Any, batch_size: int | None = None) -> Any:
    """An uncompiled copy with the same names and weights, for a fixed `batch_size` when one is given."""
    inputs = [keras.Input(batch_shape=(batch_size, *t.shape[1:]), dtype=t.dtype, name=t.node.layer.name) for t in model.inputs]
    with _scope():
        copy = keras.models.clone_model(model, input_tensors=inputs if len(inputs) > 1 else inputs[0])
    copy.set_weights(model.get_weights())
    return copy


def save_model(model: Any, path: Path) -> None:
    """Writes `model` without its optimizer; `path` ends in `model_suffix(model)`."""
    if path.suffix == ".h5":
        with warnings.catch_warnings():  # Keras advises .keras here, the format that loses quantization wrappers
            warnings.filterwarnings("ignore", message="You are saving your model as an HDF5 file")
            model.save(path, include_optimizer=False)
    else:
        copy_model(model).save(path)


def load_model(path: Path) -> Any:
    """Reads a model that `save_model` wrote, quantization-aware ones too.

    A sparsity-preserving wrapper takes its mask from the weights at its making, that is, from random ones when it is
    made by loading: the mask is taken anew from the weights that were read, or further training would fill the zeros.
    """
    with _scope():
        model = keras.models.load_model(path, compile=False)
    for wrapper in wrappers(model):
        for weight, _, variables in wrapper._weight_vars:
            if "sparsity_mask" in variables:
                variables["sparsity_mask"] = tf.cast(tf.not_equal(weight, 0.0), weight.dtype)
    return model
