"""The one door to TensorFlow, Keras 2 (tf_keras) and tfmot: nothing else in tfcompress imports them.

`tf`, `keras` and `tfmot` are imported when first used, so that `--help`, a recipe's settings and errors in arguments
come without TensorFlow's seconds of start-up. tfmot works on tf_keras alone and reads TF_USE_LEGACY_KERAS at its own
import; to set it here, before anything is imported, makes the order of imports irrelevant.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from .archive import readable
from .native import captured_stderr


class _Lazy(ModuleType):
    """A module that is imported at its first attribute access."""

    def __getattr__(self, attribute: str) -> Any:
        prepare_environment()
        found = getattr(importlib.import_module(self.__name__), attribute)
        setattr(self, attribute, found)  # the next access finds it without this function
        return found


def prepare_environment() -> None:
    """Says to TensorFlow which Keras is meant, and that its chatter is not wanted; to be called before its import."""
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


tf: Any = _Lazy("tensorflow")
keras: Any = _Lazy("tf_keras")
tfmot: Any = _Lazy("tensorflow_model_optimization")
resource_variables: Any = _Lazy("tensorflow.python.ops.resource_variable_ops")  # TensorFlow's own, not documented


def start_quietly() -> None:
    """Imports TensorFlow and what goes with it, and keeps what native code prints at start-up off the terminal."""
    with captured_stderr():
        tf.config.list_physical_devices()
        tf.get_logger().setLevel("ERROR")
        _ = keras.layers, tfmot.sparsity


def set_seed(seed: int) -> None:
    """Makes what follows repeatable: Python's, NumPy's and TensorFlow's random numbers, and the order of sums."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def prepared_scope() -> Any:
    """The scope in which a model's layers can be made from their configurations, tfmot's and `core.twins`' included."""
    importlib.import_module(".twins", __package__)  # registers what Keras 3 has and tf_keras has not
    importlib.import_module(".aware_layers", __package__)  # and what quantization-aware training has of ours
    importlib.import_module(".rounded", __package__)  # and simulated activations
    registry = _preserving().registry()
    quantizers = {name: value for name, value in vars(registry).items() if name.endswith("Quantizer")}
    # tfmot's own scope has neither.
    return tfmot.quantization.keras.quantize_scope(quantizers | {output_only().__name__: output_only()})


@contextlib.contextmanager
def scope_of(model: Any) -> Iterator[None]:
    """The scope in which copies can be made of whatever is in `model`: its code was trusted when it was loaded."""
    own = {type(layer).__name__: type(layer) for layer in model._flatten_layers() if not _is_keras_own(layer)}
    safety = importlib.import_module(f"{keras.__name__}.src.saving.serialization_lib").SafeModeScope
    with prepared_scope(), keras.saving.custom_object_scope(own), safety(safe_mode=False):
        yield


def _is_keras_own(layer: Any) -> bool:
    return type(layer).__module__.split(".")[0] == keras.__name__.split(".")[0]


def output_only() -> Any:
    """tfmot's quantization configuration that follows the range of a layer's output and leaves the layer alone."""
    scheme = tfmot.quantization.keras.default_8bit.Default8BitQuantizeScheme
    home = scheme.__module__.rpartition(".")[0]
    return importlib.import_module(f"{home}.default_8bit_quantize_configs").Default8BitOutputQuantizeConfig


def wrappers(model: Any) -> list[Any]:
    """tfmot's quantization wrappers among the layers of `model`; empty when it is not quantization-aware."""
    return [layer for layer in model.layers if hasattr(layer, "quantize_config") and hasattr(layer, "_weight_vars")]


def is_quantization_aware(model: Any) -> bool:
    """Whether `model` came from tfmot's `quantize_model`."""
    return bool(wrappers(model))


def model_suffix(model: Any) -> str:
    """The file format that reloads `model` exactly: Keras's own, whatever the model."""
    return ".keras"


def copy_model(model: Any, batch_size: int | None = None) -> Any:
    """An uncompiled copy with the same names and weights, for a fixed `batch_size` when one is given."""
    inputs = [
        keras.Input(batch_shape=(batch_size, *t.shape[1:]), dtype=t.dtype, name=t.node.layer.name) for t in model.inputs
    ]
    with prepared_scope():
        copy = keras.models.clone_model(model, input_tensors=inputs if len(inputs) > 1 else inputs[0])
    copy.set_weights(model.get_weights())
    _preserving().preserve(copy, _preserving().preserving(model))
    return copy


def save_model(model: Any, path: Path) -> None:
    """Writes `model` without its optimizer; `path` ends in .keras or .h5."""
    if path.suffix == ".h5":
        with warnings.catch_warnings():  # Keras advises .keras here
            warnings.filterwarnings("ignore", message="You are saving your model as an HDF5 file")
            model.save(path, include_optimizer=False)
    else:
        # The copy's layers are made as loading makes them, in one order: else a quantization wrapper's weights are
        # counted with or without its layer's, and loading says "expected 5 variables, but received 3".
        copy = copy_model(model)
        importlib.import_module(".aware", __package__).count_once(copy)
        copy.save(path)
        if is_quantization_aware(model):
            _forget_builds(path)
    _preserving().write_note(path, _preserving().preserving(model))


def load_model(path: Path, safe_mode: bool = True) -> Any:
    """Reads a model that `save_model` wrote, quantization-aware ones too."""
    with prepared_scope(), readable(path) as where:
        model = keras.models.load_model(where, compile=False, safe_mode=safe_mode)
    _preserving().preserve(model, _preserving().read_note(path))
    return model


def _preserving() -> Any:
    """core/preserving.py, which needs this module to be there first."""
    return importlib.import_module(".preserving", __package__)


def _forget_builds(path: Path) -> None:
    """Takes the recorded builds out of a .keras file, so that loading builds a layer where it is called, once.

    Keras builds a layer from its record before it is called; tfmot's wrappers then make their variables a second time.
    """
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    members["config.json"] = json.dumps(_without(config, "build_config")).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def _without(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        return {name: _without(member, key) for name, member in value.items() if name != key}
    return [_without(member, key) for member in value] if isinstance(value, list) else value
