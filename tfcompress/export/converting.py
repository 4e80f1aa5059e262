"""What all exporters share: a model of batch 1, TensorFlow's converter, and a file that is whole or not there."""

from __future__ import annotations

import hashlib
import os
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..backend.native import captured_stderr
from ..backend.tensorflow import saving_utils, tf, without_keras_3
from ..core.errors import ConversionFailed, InvalidValue
from ..core.types import Artifact, Data
from ..measuring.measure import plain_name
from ..measuring.tflite import zipped_bytes
from ..models_io.copying import copy_model
from .strided_pointwise import with_strides_before

if TYPE_CHECKING:
    import numpy as np


def convert(model: Any, path: Path, mode: str, configure: Callable[[Any], None]) -> Artifact:
    """Writes `model` to `path` by TensorFlow's converter as `configure` sets it.

    Raises:
      ConversionFailed: with what the converter says of it.
    """
    copy = copy_model(model, batch_size=1)
    plain = {layer.name: plain_name(layer) for layer in copy.layers}
    copy.output_names = [plain.get(name, name) for name in copy.output_names]  # the file's: without tfmot's "quant_"
    try:
        with warnings.catch_warnings(), captured_stderr(), without_keras_3():
            # A quantization-aware model comes without a representative data set: that is its point.
            warnings.filterwarnings("ignore", message="Statistics for quantized inputs were expected")
            converter = tf.lite.TFLiteConverter.from_keras_model(_with_one_function(copy))
            configure(converter)
            data = converter.convert()
    except Exception as error:  # the converter raises classes of its own, MLIR's and plain RuntimeErrors
        raise ConversionFailed(
            f"The TFLite converter could not write {mode}. Its reason: {_reason(error)} Look for a layer that TFLite "
            "has no operation for."
        ) from error
    return write(data, path, mode)


def _with_one_function(model: Any) -> Any:
    """What the converter takes for `model`, and saves as the model's variables and the one function that serves it.

    Of a Keras model it saves the calls of all layers too, each traced four times, and reads all of it back; the file is
    made of the one function. MobileNetV2 takes 4.6 s so instead of 15.3, and the bytes are the same.
    """
    function = saving_utils.trace_model_call(model)
    handles = {id(variable.handle) for variable in model.variables}
    if any(captured.dtype == tf.resource and id(captured) not in handles for captured in function.captured_inputs):
        return model  # a table or an iterator, say, which Keras knows where to find
    carrier = tf.Module()
    carrier.model_variables = model.variables
    carrier._default_save_signature = function  # the attribute by which a SavedModel finds what serves it
    return carrier


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


def to_calibrate(data: Data | None, exporter: object) -> Data:
    """`data`, which `exporter` calibrates with. Raises `InvalidValue` when there is none."""
    if data is None:
        name = type(exporter).__name__
        raise InvalidValue(f"{name}.convert needs data to calibrate with. Received: None. Give some, or use Float32().")
    return data


def representative_dataset(data: Data, num_examples: int, seed: int, stratified: bool = False) -> Iterator[list[Any]]:
    """Examples of the training split to calibrate with, one at a time, drawn at random.

    With `stratified` each class has equally many, as far as there are.
    """
    inputs = data.train.inputs
    for index in chosen_examples(len(inputs), num_examples, seed, data.train.labels if stratified else None):
        yield [data.model_inputs(inputs[index : index + 1])]


def chosen_examples(num_all: int, num_examples: int, seed: int, labels: np.ndarray | None = None) -> np.ndarray:
    """The numbers of the examples drawn, shape (at most num_examples,): at random, or with `labels` as many of each.

    The classes then take turns, so that none is more than one ahead while all have examples left.

    >>> import numpy as np
    >>> labels = np.array([0] * 90 + [1] * 10)
    >>> np.bincount(labels[chosen_examples(100, 8, seed=0, labels=labels)]).tolist()
    [4, 4]
    """
    import numpy as np

    order = np.random.default_rng(seed).permutation(num_all)
    if labels is not None:
        shuffled = labels[order]
        turn = np.empty(num_all, int)  # how many of its class were drawn before it
        for label in np.unique(shuffled):
            of_class = np.flatnonzero(shuffled == label)
            turn[of_class] = np.arange(len(of_class))
        order = order[np.argsort(turn, kind="stable")]
    return order[:num_examples]


def _reason(error: Exception) -> str:
    """What the converter says is wrong; its message goes on with the program it was about, hundreds of lines."""
    text = str(error)
    missing = list(dict.fromkeys(re.findall(r"'tf\.(\w+)' op is neither a custom op nor a flex op", text)))
    if missing:
        return f"no operation for {', '.join(missing)}."
    said = re.search(r"error: (.+)", text) or re.search(r"\S.*", text)
    return (said[said.lastindex or 0] if said else type(error).__name__).strip()
