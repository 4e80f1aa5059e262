"""Zeros that quantization-aware training keeps, kept through copies and files too.

tfmot's sparsity-preserving quantizer multiplies a kernel by the mask of its non-zero entries. Neither survives tfmot's
configuration: a wrapper that is made from it has the plain quantizer, and one more step of training fills the zeros. So
which wrappers preserve is noted beside the model, and the quantizer and the mask are made anew from the weights.
"""

from __future__ import annotations

import importlib
import json
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

from .keras import tf, tfmot, wrappers

_MASK = "sparsity_mask"  # tfmot's name for it
_NOTE = "tfcompress_sparsity_preserving"  # in the files' metadata


def registry() -> Any:
    """The module in which tfmot keeps its sparsity-preserving quantizers; they are not in its public names."""
    scheme = tfmot.quantization.keras.collab_opts.Default8BitPrunePreserveQuantizeScheme
    return importlib.import_module(scheme.__module__.rpartition(".")[0] + ".prune_preserve_quantize_registry")


def preserving(model: Any) -> list[str]:
    """The wrappers of `model`, by name, that keep the zeros of their layer's kernel."""
    return [wrapper.name for wrapper in wrappers(model) if any(_MASK in held for _, _, held in wrapper._weight_vars)]


def preserve(model: Any, names: Collection[str]) -> None:
    """Makes the wrappers of these names keep the zeros that their kernels have now."""
    for wrapper in wrappers(model):
        if wrapper.name in names:
            wrapper._weight_vars = [
                (weight, _preserving_quantizer(quantizer), {**held, _MASK: _mask(weight)})
                for weight, quantizer, held in wrapper._weight_vars
            ]


def write_note(path: Path, names: Collection[str]) -> None:
    """Notes in a .keras or .h5 file which wrappers preserve zeros."""
    if not names:
        return
    if path.suffix == ".h5":
        import h5py

        with h5py.File(path, "a") as file:
            file.attrs[_NOTE] = json.dumps(sorted(names))
        return
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"{_NOTE}.json", json.dumps(sorted(names)))


def read_note(path: Path) -> list[str]:
    """The wrappers that `write_note` noted."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.read(f"{_NOTE}.json")) if f"{_NOTE}.json" in archive.namelist() else []
    if path.is_file():
        import h5py

        with h5py.File(path) as file:
            return json.loads(file.attrs.get(_NOTE, "[]"))
    return []


def _mask(weight: Any) -> Any:
    return tf.cast(tf.not_equal(weight, 0.0), weight.dtype)


def _preserving_quantizer(quantizer: Any) -> Any:
    """The preserving form of one of tfmot's quantizers of kernels: per channel for convolutions, else per tensor."""
    if hasattr(quantizer, "_build_sparsity_mask"):
        return quantizer
    known = registry()
    if type(quantizer).__name__ == "Default8BitConvWeightsQuantizer":
        return known.PrunePreserveDefault8BitConvWeightsQuantizer()
    return known.PrunePreserveDefault8BitWeightsQuantizer()
