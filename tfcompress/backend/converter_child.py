"""python -m tfcompress.backend.converter_child: converts the SavedModels in the folders that it reads from stdin.

Or runs the file that is in such a folder, once, for those whom it would end.

A line in is a folder, a line out says what became of it, as JSON. It ends when stdin does, with its parent; and is
killed then in the middle of a conversion.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from .child import cpu_time_limit, end_with_stdin, limit_cpu_time, limit_data
from .tensorflow import tf, without_keras_3

EXAMPLES, SAVED_MODEL, JOB, RESULT = "examples.npy", "saved_model", "job.json", "model.tflite"  # in a job's folder
RANGED = "ranged.tflite"  # in the place of a SavedModel: a float file with ranges, to be quantized
WHOLE = "whole.tflite"  # instead: a file to be run
TIME_LIMIT_S = 1800.0  # for a job


def main() -> int:
    """Works until stdin ends."""
    end_with_stdin()
    given = cpu_time_limit()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # native code prints to stdout
    limit_data(0)
    with without_keras_3():
        _ = tf.lite  # imported now, before anything is asked
        gc.freeze()  # the converter collects garbage in each conversion: of TensorFlow's modules there will be none
        for line in sys.stdin:
            limit_cpu_time(TIME_LIMIT_S, given)
            answers.write(json.dumps(_convert(Path(line.rstrip("\n")))) + "\n")
            answers.flush()
    return 0


def _convert(folder: Path) -> dict[str, str]:
    if (folder / WHOLE).exists():
        return _run(folder / WHOLE)
    job = json.loads((folder / JOB).read_text())
    try:
        ranged = folder / RANGED
        content = _quantized(ranged, job["settings"]) if ranged.exists() else _converter(folder, job).convert()
    except Exception as error:  # the converter raises classes of its own, MLIR's and plain RuntimeErrors
        return {"refused": str(error) or type(error).__name__}
    (folder / RESULT).write_bytes(content)
    return {}


def _run(path: Path) -> dict[str, str]:
    """Runs a file on zeros: first of all it counts that the process is still there."""
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    kernels = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    try:
        interpreter = Interpreter(str(path), experimental_op_resolver_type=kernels)
        interpreter.allocate_tensors()
        for each in interpreter.get_input_details():
            interpreter.set_tensor(each["index"], np.zeros(each["shape"], each["dtype"]))
        interpreter.invoke()
    except (ValueError, RuntimeError) as error:
        return {"refused": str(error)}
    try:
        Interpreter(str(path)).allocate_tensors()  # with XNNPACK, as in an app that chooses nothing
    except (ValueError, RuntimeError) as error:
        return {"refused by default": str(error)}
    return {}


def _converter(folder: Path, job: dict[str, Any]) -> Any:
    settings = job["settings"]
    # What TFLiteConverter.from_saved_model makes, once it has loaded the model to see whether the signature is there.
    lite = importlib.import_module(tf.lite.TFLiteConverter.__module__)
    where, signatures = str(folder / SAVED_MODEL), [tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY]
    converter = lite.TFLiteSavedModelConverterV2(where, {tf.saved_model.SERVING}, signatures)
    home = tf.lite.TFLiteConverter.__module__.rpartition(".")[0]
    kinds = importlib.import_module(f"{home}.conversion_metadata_schema_py_generated").ModelType
    converter._metadata.environment.modelType = kinds.KERAS_MODEL  # one byte of the file: where the model came from
    if settings["optimize"]:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if settings["types"]:
        converter.target_spec.supported_types = [getattr(tf, name) for name in settings["types"]]
    if settings["ops"]:
        converter.target_spec.supported_ops = [getattr(tf.lite.OpsSet, name) for name in settings["ops"]]
    if job["num_examples"] is not None:
        converter.representative_dataset = lambda: _examples(folder / EXAMPLES)
    converter.inference_input_type = converter.inference_output_type = getattr(tf, settings["io_type"])
    converter._experimental_disable_per_channel = not settings["per_channel"]  # it has no public name
    return converter


def _quantized(ranged: Path, settings: dict[str, Any]) -> bytes:
    """What `TFLiteConverter` does after its calibration (TensorFlow 2.21, lite.py, `_quantize`)."""
    home = tf.lite.TFLiteConverter.__module__.rpartition(".")[0]
    io_type = getattr(tf, settings["io_type"])
    content = importlib.import_module(f"{home}.convert").mlir_quantize(
        ranged.read_bytes(),
        disable_per_channel=not settings["per_channel"],
        input_data_type=io_type,
        output_data_type=io_type,
    )
    return bytes(content)


def _examples(path: Path) -> Iterator[Any]:
    import numpy as np

    with path.open("rb") as stream:
        while head := _head(stream):
            arrays = [np.load(stream, allow_pickle=False) for _ in range(head["num_arrays"])]
            yield dict(zip(head["names"], arrays, strict=True)) if head["names"] else arrays


def _head(stream: IO[bytes]) -> dict[str, Any]:
    line = stream.readline()
    return dict(json.loads(line)) if line else {}


if __name__ == "__main__":
    sys.exit(main())
