"""A compact file of a Keras model: few distinct values in a kernel take few bits each, as in Deep Compression.

```
bytes     content
0..3      "TFCP"
4..5      version of the format, 1
6..37     SHA-256 of all that follows
38..41    bytes of the header, when packed and
42..45    when unpacked
46..      the header: JSON, by zlib: the architecture as Keras writes it, and of each weight its dtype, shape and coding
..end     the weights, one after another, as models_io/bit_packing.py codes them
```

Numbers are little-endian. The file is for storing and sending; what runs on a device is the .tflite.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..backend.search_path import without_current_folder
from ..backend.tensorflow import is_quantization_aware, keras
from ..core.disk import output_errors
from ..core.errors import TfcompressError, UnreadableModel, UnsupportedModel
from ..core.types import Artifact
from ..measuring.tflite import zipped_bytes
from .bit_packing import DTYPES, decode, encode, inflate
from .copying import copy_model

MAGIC, VERSION = b"TFCP", 1
_START = struct.Struct("<4sH32s")
_LENGTHS = struct.Struct("<II")
_MOST_HEADER_BYTES = 1 << 28  # unpacked: more than any architecture needs


def save_packed(model: Any, path: str | os.PathLike[str]) -> Artifact:
    """Writes `model`, architecture and weights, whole or not at all; nothing is lost, to the bit.

    A kernel with K distinct values takes log2(K) bits a weight, or fewer where zlib finds some (`Cluster`, or
    `QuantizeKernels(Codebook(K))`, makes such kernels). Weights that are all float16 numbers take two
    bytes each. Others take what zlib makes of their floats, about 93 %.

    Returns:
      An `Artifact` of mode "packed".

    Raises:
      UnsupportedModel: when the model is quantization-aware, or holds what has no JSON.
      OutputNotWritable, OutputFull: when the file cannot be written.

    Example:

    >>> import tempfile
    >>> model = keras.Sequential([keras.layers.Dense(64, input_shape=(64,), kernel_initializer="ones")])
    >>> path = Path(tempfile.mkdtemp()) / "model.tfcp"
    >>> artifact = save_packed(model, path)
    >>> bool((load_packed(path).get_weights()[0] == 1).all()), artifact.raw_bytes < 64 * 64
    (True, True)

    Reference: Han et al., "Deep compression", 2016, https://arxiv.org/abs/1510.00149
    """
    path = Path(path)
    data = _bytes_of(model)
    partial = path.with_name(f".partial-{path.name}")
    with output_errors(path.parent):
        try:
            partial.write_bytes(data)
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
    return Artifact(path, "packed", len(data), zipped_bytes(data), hashlib.sha256(data).hexdigest())


def load_packed(
    path: str | os.PathLike[str], safe_mode: bool = True, custom_objects: Mapping[str, Any] | None = None
) -> Any:
    """Reads a model that `save_packed` wrote.

    Args:
      path: of the file.
      safe_mode: whether a file that holds or names code is refused. Defaults to True.
      custom_objects: layers and functions of your own by name. Defaults to None.

    Raises:
      UnreadableModel: when the file is no such file, is damaged, or is of a newer version.
      UnsupportedModel: when it would run code that neither Keras nor the user brings.
    """
    from .safe_mode.parts import parts_of  # which imports TensorFlow
    from .safe_mode.safety import require_safe

    path = Path(path)
    header, coded = _read(path)
    try:
        weights, begin = [], 0
        for described in header["weights"]:
            weights.append(decode(described, coded[begin : begin + described["num_bytes"]]))
            begin += described["num_bytes"]
        with parts_of(2).scope(custom_objects or {}), without_current_folder():
            if safe_mode:
                require_safe(header["model"], path.name, 2, custom_objects, caller="load_packed")
            model = keras.saving.deserialize_keras_object(header["model"], safe_mode=safe_mode)
        model.set_weights(weights)
    except TfcompressError:
        raise
    except Exception as error:  # whatever Keras says of settings that make no sense
        reason = " ".join(str(error).split())
        raise UnreadableModel(
            f"{path} is whole, but holds no model that can be made: {reason}. Write it again."
        ) from error
    return model


def _bytes_of(model: Any) -> bytes:
    if is_quantization_aware(model):
        raise UnsupportedModel(
            "save_packed expects a float model. Received: a quantization-aware one. Export it with Int8 instead."
        )
    copy = copy_model(model)  # uncompiled
    weights = copy.get_weights()
    for variable, values in zip(copy.weights, weights, strict=True):
        if values.dtype.name not in DTYPES:
            raise UnsupportedModel(
                f"save_packed expects weights of numbers ({', '.join(DTYPES)}). Received: {variable.name} of "
                f"{values.dtype.name}. Save this model with save_model."
            )
    coded = [encode(values) for values in weights]
    described = {"model": keras.saving.serialize_keras_object(copy), "weights": [each for each, _ in coded]}
    try:
        header = json.dumps(described, separators=(",", ":")).encode()
    except TypeError as error:
        raise UnsupportedModel(
            f"save_packed expects an architecture that has a JSON. Received: {error}. Give its layers settings of "
            "plain numbers and texts, or use save_model."
        ) from error
    packed = zlib.compress(header, 9)
    rest = b"".join([_LENGTHS.pack(len(packed), len(header)), packed, *(data for _, data in coded)])
    return _START.pack(MAGIC, VERSION, hashlib.sha256(rest).digest()) + rest


def _read(path: Path) -> tuple[dict[str, Any], bytes]:
    """The header, and the bytes after it, of a file that is whole."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableModel(f"{path} cannot be read: {error.strerror}. Look at the path.") from error
    if data[:4] != MAGIC:
        raise UnreadableModel(
            f"{path} is no file of save_packed: it begins with {data[:4]!r}, not {MAGIC!r}. Use load_model for others."
        )
    if len(data) < _START.size + _LENGTHS.size:
        raise UnreadableModel(f"{path} is cut off at {len(data)} bytes. Write it again.")
    _, version, checksum = _START.unpack_from(data)
    if version > VERSION:
        raise UnreadableModel(f"{path} has version {version} of the format. Install a newer tfcompress to read it.")
    if hashlib.sha256(memoryview(data)[_START.size :]).digest() != checksum:
        raise UnreadableModel(
            f"{path} is damaged: the checksum of its {len(data)} bytes is another. Write it, or fetch it, again."
        )
    packed, unpacked = _LENGTHS.unpack_from(data, _START.size)
    begin = _START.size + _LENGTHS.size
    try:
        if unpacked > _MOST_HEADER_BYTES:
            raise ValueError(f"a header of {unpacked} bytes")
        header = json.loads(inflate(data[begin : begin + packed], unpacked))
    except (ValueError, RecursionError, zlib.error) as error:
        raise UnreadableModel(f"{path} has a header that cannot be read: {error}. Write it again.") from error
    return header, data[begin + packed :]
