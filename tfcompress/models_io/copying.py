"""A model copied, and a model written to a file and read back: the same, quantization-aware or not.

Our layers are imported where they are needed, not above: each is a class of Keras's, and so imports TensorFlow.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..backend.archive import readable
from ..backend.tensorflow import is_quantization_aware, keras, output_only, refuse_keras_3, tfmot
from ..core.errors import UnsupportedModel
from ..layers.int8.preserving import preserve, preserving, read_note, registry, write_note


def prepared_scope() -> Any:
    """The scope in which a model's layers can be made from their configurations, tfmot's and ours included."""
    from ..layers import rounded, twins  # noqa: F401  Keras knows our layers by name once they are imported
    from ..layers.int8 import all_layers

    quantizers = {name: value for name, value in vars(registry()).items() if name.endswith("Quantizer")}
    # In .h5 files a wrapper names our layers without the package that they are registered under.
    ours = {name: getattr(all_layers, name) for name in all_layers.__all__ if name.startswith("Aware")}
    # tfmot's own scope has none of them.
    return tfmot.quantization.keras.quantize_scope(quantizers | ours | {output_only().__name__: output_only()})


@contextlib.contextmanager
def scope_of(model: Any) -> Iterator[None]:
    """The scope in which copies can be made of whatever is in `model`: its code was trusted when it was loaded."""
    own = {type(layer).__name__: type(layer) for layer in model._flatten_layers() if not _is_keras_own(layer)}
    safety = importlib.import_module(f"{keras.__name__}.src.saving.serialization_lib").SafeModeScope
    with prepared_scope(), keras.saving.custom_object_scope(own), safety(safe_mode=False):
        yield


def _is_keras_own(layer: Any) -> bool:
    return type(layer).__module__.split(".")[0] == keras.__name__.split(".")[0]


def model_suffix(model: Any) -> str:
    """The file format that reloads `model` exactly: Keras's own, whatever the model."""
    return ".keras"


def copy_model(
    model: Any,
    batch_size: int | None = None,
    shapes: Mapping[str, tuple[int | None, ...]] | None = None,
    names: Mapping[str, str] | None = None,
) -> Any:
    """An uncompiled copy with the same names and weights.

    Args:
      model: a tf_keras model.
      batch_size: to be fixed. Defaults to None: any, as in the model.
      shapes: of one example, by the names of input layers, in the place of the model's. Defaults to None.
      names: new ones of input layers, by the old. Defaults to None.

    Raises:
      UnsupportedModel: when a layer cannot be made anew of its configuration, as it is.
    """

    def made_anew(tensor: Any) -> Any:
        name = tensor.node.layer.name
        shape = (shapes or {}).get(name, tensor.shape[1:])
        return keras.Input(batch_shape=(batch_size, *shape), dtype=tensor.dtype, name=(names or {}).get(name, name))

    refuse_keras_3(model)
    inputs = [made_anew(tensor) for tensor in model.inputs]
    with prepared_scope():
        try:
            copy = keras.models.clone_model(model, input_tensors=inputs if len(inputs) > 1 else inputs[0])
        except (TypeError, ValueError, KeyError, NotImplementedError) as error:
            raise _no_copy(model, error) from error
    if _names_but_inputs(copy) != _names_but_inputs(model):
        raise _no_copy(model)
    copy.set_weights(model.get_weights())
    preserve(copy, preserving(model))
    return copy


def _names_but_inputs(model: Any) -> set[str]:
    return {layer.name for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)}


def _no_copy(model: Any, error: Exception | None = None) -> Exception:
    """The error for a model that no copy can be made of: it names the layer where one is at fault."""
    received = f"{model.name!r}: {error}"
    for layer in model._flatten_layers(include_self=False):
        if _is_keras_own(layer):
            continue
        made = f"layer {layer.name!r} ({type(layer).__name__}), of which it gives"
        try:
            name = type(layer).from_config(layer.get_config()).name
        except Exception as reason:  # code of the user's, which may raise anything
            received = f"{made} none: {reason}"
            break
        if name != layer.name:
            received = f"{made} one of another name, {name!r}"
            break
    return UnsupportedModel(
        "get_config() of each layer must give what makes the layer anew, name included, as copies and files are made "
        f"of it. Received: {' '.join(received.split())}. Let __init__ of that class take **kwargs for "
        "super().__init__(**kwargs), and its get_config() give all its other arguments too."
    )


def save_model(model: Any, path: Path) -> None:
    """Writes `model` without its optimizer; `path` ends in .keras or .h5."""
    if path.suffix == ".h5":
        with warnings.catch_warnings():  # Keras advises .keras here
            warnings.filterwarnings("ignore", message="You are saving your model as an HDF5 file")
            model.save(path, include_optimizer=False)
    else:
        from ..layers.int8.aware import count_once

        # The copy's layers are made as loading makes them, in one order: else a quantization wrapper's weights are
        # counted with or without its layer's, and loading says "expected 5 variables, but received 3".
        copy = copy_model(model)
        count_once(copy)
        copy.save(path)
        if is_quantization_aware(model):
            _forget_builds(path)
    write_note(path, preserving(model))


def load_model(path: Path, safe_mode: bool = True) -> Any:
    """Reads a model that `save_model` wrote, quantization-aware ones too."""
    with prepared_scope(), readable(path) as where:
        model = keras.models.load_model(where, compile=False, safe_mode=safe_mode)
    preserve(model, read_note(path))
    return model


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
