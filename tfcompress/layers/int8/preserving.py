"""Zeros, clusters and bits of kernels that quantization-aware training keeps, through copies and files too.

Zeros are kept by a quantizer that multiplies a kernel by the mask of its non-zero entries, around whichever quantizer a
wrapper has: tfmot's own scheme that does so refuses layers that its default scheme takes or leaves alone
(Conv2DTranspose, Normalization, a layer of the user's). Neither quantizer nor mask survives tfmot's configuration: a
wrapper that is made from it has the plain quantizer, and one more step of training fills the zeros. So which wrappers
preserve is noted beside the model, and the quantizer and the mask are made anew from the weights.

Clusters are kept the same way, by a quantizer of our own: in training each weight is the mean of its cluster, so that
all of a cluster get one gradient and stay equal (the centroids' fine-tuning of Han et al., "Deep compression", 2016,
section 3.3, with the mean of the gradients). tfmot's cluster-preserving quantizer adds weights of its own, which a copy
lacks; and a convolution whose channels happen to have equally many values it clusters channel by channel, so that one
kernel comes out with as many values as there are channels, times the number that was asked for.

Bits other than eight are a quantizer of the wrapper's kernels too (`kernel_quantizer`), noted as "4 bits".
"""

from __future__ import annotations

import importlib
import json
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ...backend.tensorflow import tf, tfmot, wrappers
from .frozen import compute_as_in_inference, computing_as_in_inference, obey_trainable
from .kernel_quantizer import FULL_BITS, KernelQuantizer

ZEROS, CLUSTERS = "zeros", "clusters"
INFERENCE = "inference"  # a layer that was called with training=False
_MASK = "sparsity_mask"  # tfmot's name for it
_CLUSTERS = "clusters_of_weights"
_NOTE = "tfcompress_sparsity_preserving"  # in the files' metadata
_BITS = " bits"


def registry() -> Any:
    """The module in which tfmot keeps its sparsity-preserving quantizers; they are not in its public names."""
    scheme = tfmot.quantization.keras.collab_opts.Default8BitPrunePreserveQuantizeScheme
    return importlib.import_module(scheme.__module__.rpartition(".")[0] + ".prune_preserve_quantize_registry")


def preserving(model: Any) -> dict[str, list[str]]:
    """The wrappers of `model`, by name, that keep their kernels' "zeros", "clusters", "4 bits"; empty if none does.

    And those that keep computing as in "inference".
    """
    found = {
        kind: [wrapper.name for wrapper in wrappers(model) if any(key in held for _, _, held in wrapper._weight_vars)]
        for kind, key in ((ZEROS, _MASK), (CLUSTERS, _CLUSTERS))
    }
    for wrapper in wrappers(model):
        for bits in {bits_of(quantizer) for _, quantizer, _ in wrapper._weight_vars} - {FULL_BITS}:
            found.setdefault(few_bits(bits), []).append(wrapper.name)
    found[INFERENCE] = computing_as_in_inference(model)
    return {kind: names for kind, names in found.items() if names}


def preserve(model: Any, kept: Mapping[str, Collection[str]]) -> None:
    """Makes wrappers keep the zeros, clusters and few bits that their kernels have now, as `preserving` gives them.

    Wrappers of frozen layers are made to train nothing, in any case.
    """
    obey_trainable(model)
    compute_as_in_inference(model, kept.get(INFERENCE, ()))
    bits = {name: int(kind.split()[0]) for kind, names in kept.items() if kind.endswith(_BITS) for name in names}
    for wrapper in wrappers(model):
        if wrapper.name in bits:
            wrapper._weight_vars = [
                (weight, _of_bits(quantizer, bits[wrapper.name], held), held)
                for weight, quantizer, held in wrapper._weight_vars
            ]
        if wrapper.name in kept.get(ZEROS, ()):
            wrapper._weight_vars = [
                (weight, _preserving_quantizer(quantizer), {**held, _MASK: _mask(weight)})
                for weight, quantizer, held in wrapper._weight_vars
            ]
        if wrapper.name in kept.get(CLUSTERS, ()):
            wrapper._weight_vars = [
                (weight, _Tied(quantizer), {**held, _CLUSTERS: _clusters(weight)})
                for weight, quantizer, held in wrapper._weight_vars
            ]


def few_bits(bits: int) -> str:
    """What kernels of `bits` are noted as.

    >>> few_bits(4)
    '4 bits'
    """
    return f"{bits}{_BITS}"


def bits_of(quantizer: Any) -> int:
    """The bits that a wrapper's quantizer of kernels rounds to."""
    return int(quantizer.num_bits)


def _of_bits(quantizer: Any, bits: int, held: Mapping[str, Any]) -> KernelQuantizer:
    """A quantizer to fewer bits in the place of one to eight, which keeps nothing yet."""
    if isinstance(quantizer, KernelQuantizer):
        return KernelQuantizer(bits, quantizer.per_channel, quantizer.view, quantizer.name)
    return KernelQuantizer(bits, per_channel=len(held["min_var"].shape) > 0)


def settle(model: Any) -> None:
    """Makes the weights of each kept cluster equal again, which an optimizer's rounding may have parted by a bit."""
    for wrapper in (wrapper for wrapper in wrappers(model) if wrapper.trainable):
        for weight, _, held in wrapper._weight_vars:
            if _CLUSTERS in held:
                weight.assign(_means(weight, held[_CLUSTERS]))


class _Around:
    """A quantizer of kernels around another."""

    quantizer: Any

    @property
    def num_bits(self) -> int:
        """The bits of the inner one."""
        return int(self.quantizer.num_bits)


class _Masked(_Around):
    """A quantizer of kernels that takes what was zero as zero."""

    def __init__(self, quantizer: Any) -> None:
        self.quantizer = quantizer.quantizer if isinstance(quantizer, _Masked) else quantizer

    def __call__(self, inputs: Any, training: bool, weights: Mapping[str, Any], **others: Any) -> Any:
        return self.quantizer(inputs * weights[_MASK], training, weights, **others)


class _Tied(_Around):
    """A quantizer of kernels that in training gives all weights of a cluster their mean first."""

    def __init__(self, quantizer: Any) -> None:
        self.quantizer = quantizer.quantizer if isinstance(quantizer, _Tied) else quantizer

    def __call__(self, inputs: Any, training: bool, weights: Mapping[str, Any], **others: Any) -> Any:
        tied = _means(inputs, weights[_CLUSTERS]) if training else inputs
        return self.quantizer(tied, training, weights, **others)


def _clusters(weight: Any) -> Any:
    """The number of each weight's cluster, shape as the kernel's: equal values are one."""
    return tf.reshape(tf.unique(tf.reshape(weight, [-1]))[1], weight.shape)


def _means(weight: Any, clusters: Any) -> Any:
    number = tf.reduce_max(clusters) + 1
    means = tf.math.unsorted_segment_mean(tf.reshape(weight, [-1]), tf.reshape(clusters, [-1]), number)
    return tf.gather(means, clusters)


def write_note(path: Path, kept: Mapping[str, Collection[str]]) -> None:
    """Notes in a .keras or .h5 file which wrappers preserve what."""
    if not kept:
        return
    if path.suffix == ".h5":
        import h5py

        with h5py.File(path, "a") as file:
            file.attrs[_NOTE] = json.dumps(kept)
        return
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"{_NOTE}.json", json.dumps(kept))


def read_note(path: Path) -> dict[str, list[str]]:
    """What `write_note` noted; what version 0.1 noted is a list, of those that preserve zeros."""
    note = json.loads(_note(path) or "{}")
    return {ZEROS: note} if isinstance(note, list) else note


def _note(path: Path) -> str | bytes | None:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return archive.read(f"{_NOTE}.json") if f"{_NOTE}.json" in archive.namelist() else None
    if path.is_file():
        import h5py

        with h5py.File(path) as file:
            return file.attrs.get(_NOTE)
    return None


def _mask(weight: Any) -> Any:
    return tf.cast(tf.not_equal(weight, 0.0), weight.dtype)


def _preserving_quantizer(quantizer: Any) -> Any:
    """A quantizer of kernels that keeps zeros: as the one it is made of, which may look along any axis."""
    if isinstance(quantizer, _Tied):
        return _Tied(_preserving_quantizer(quantizer.quantizer))
    return _Masked(quantizer)
