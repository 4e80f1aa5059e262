"""What all exporters share: a model of batch 1, TensorFlow's converter, and a file that is whole or not there."""

from __future__ import annotations

import hashlib
import os
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..core.errors import ConversionFailed
from ..core.keras import copy_model, tf
from ..core.measure import plain_name
from ..core.native import captured_stderr
from ..core.tflite import zipped_bytes
from ..core.types import Artifact, Data
from .strided_pointwise import with_strides_before


def convert(model: Any, path: Path, mode: str, configure: Callable[[Any], None]) -> Artifact:
    """Writes `model` to `path` by TensorFlow's converter as `configure` sets it.

    Raises:
      ConversionFailed: with what the converter says of it.
    """
    copy = copy_model(model, batch_size=1)
    plain = {layer.name: plain_name(layer) for layer in copy.layers}
    copy.output_names = [plain.get(name, name) for name in copy.output_names]  # the file's: without tfmot's "quant_"
    converter = tf.lite.TFLiteConverter.from_keras_model(copy)
    configure(converter)
    try:
        with warnings.catch_warnings(), captured_stderr():
            # A quantization-aware model comes without a representative data set: that is its point.
            warnings.filterwarnings("ignore", message="Statistics for quantized inputs were expected")
            data = converter.convert()
    except Exception as error:  # the converter raises classes of its own, MLIR's and plain RuntimeErrors
        raise ConversionFailed(
            f"The TFLite converter could not write {mode}. Its reason: {_reason(error)} Look for a layer that TFLite "
            "has no operation for."
        ) from error
    return write(data, path, mode)


def write(data: bytes, path: Path, mode: str) -> Artifact:
    """Writes the content of a .tflite as `path`, whole or not at all."""
    data = with_strides_before(data)
    partial = path.with_name(f".partial-{path.name}")
    try:
        partial.write_bytes(data)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return Artifact(path, mode, len(data), zipped_bytes(data), hashlib.sha256(data).hexdigest())


def representative_dataset(data: Data, num_examples: int, seed: int) -> Iterator[list[Any]]:
    """Examples of the training split to calibrate with, one at a time, drawn at random."""
    import numpy as np

    inputs = data.train.inputs
    chosen = np.random.default_rng(seed).permutation(len(inputs))[:num_examples]
    for index in chosen:
        yield [data.model_inputs(inputs[index : index + 1])]


def _reason(error: Exception) -> str:
    """What the converter says is wrong; its message goes on with the program it was about, hundreds of lines."""
    text = str(error)
    missing = list(dict.fromkeys(re.findall(r"'tf\.(\w+)' op is neither a custom op nor a flex op", text)))
    if missing:
        return f"no operation for {', '.join(missing)}."
    told = re.search(r"error: (.+)", text) or re.search(r"\S.*", text)
    return (told[told.lastindex or 0] if told else type(error).__name__).strip()
