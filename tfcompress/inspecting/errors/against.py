"""A float Keras model against a .tflite that was made of it, or on data alone: quantization error layer by layer."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.errors import UnsupportedModel
from ...core.progress import Progress
from ...core.tasks.presets import Classification
from ...core.tasks.task import VALUES, Output
from ...measuring.compare import OutputComparison, compare_outputs
from ...measuring.measure import kernel_variables, leaf_layers
from ...measuring.outputs import SIGMOID, output_specs
from ...quantization.bit_sensitivity import LayerAtBits, measure_layers
from ...quantization.one_layer import require_float_kernels
from ...quantization.quantizers.affine import Affine
from .error_values import Alone, Errors, FilePredictions, InFile, LayerErrors
from .file_tensors import tensors_of
from .float_tensors import FileError, file_errors
from .measured_on import MeasuredOn

if TYPE_CHECKING:
    import numpy as np

    from .file_tensors import FileTensors

BITS = 8
OUTPUT_BITS = 8  # of what a layer gives, in all integer modes but int16x8
NUM_KEPT = 64  # examples whose tensors are compared
Comparison = Callable[[Sequence["np.ndarray"], Sequence["np.ndarray"]], OutputComparison]
_OWNER = "inspect --against"
_STORED_BITS = {"int4": 4, "int8": 8, "uint8": 8, "int16": 16}
_COMPUTED_BITS = {"int8": 8, "uint8": 8, "int16": 16}


def errors_on(model: Any, file: str, on: MeasuredOn, bits: int | None, progress: Progress) -> Errors:
    """Each layer alone with kernels of `bits` (8 when None) and an output of 8, on data.

    Args:
      model: a float tf_keras model.
      file: where it came from.
      on: what to measure on.
      bits: of kernels, 2 to 16.
      progress: shows how far it is.
    """
    compare = _comparison(model, on)
    whole, points = measure_layers(
        model, on.examples, compare, (bits or BITS,), Affine(), OUTPUT_BITS, progress, _OWNER
    )
    rows = tuple(
        LayerErrors(point.layer, point.kind, point.num_weights, _alone(point, OUTPUT_BITS), None) for point in points
    )
    return Errors(file, on.title, on.title, len(on.examples), whole.metric, rows, None)


def errors_against(model: Any, file: str, path: Path, on: MeasuredOn, bits: int | None, progress: Progress) -> Errors:
    """The operations of a .tflite beside the layers of the float model, and each layer alone as the file has it.

    Args:
      model: a float tf_keras model.
      file: where it came from.
      path: the .tflite, which a child process runs.
      on: what to measure on.
      bits: of kernels alone, 2 to 16; None for as many as the file has for each.
      progress: shows how far it is.

    Raises:
      UnreadableModel: when the file does not load or run.
      UnsupportedModel: when it is not of this model, as far as names say, or the model is quantization-aware.
    """
    require_float_kernels(model, _OWNER)
    inputs = on.inputs
    layers = {layer.name: layer for layer in leaf_layers(model) if kernel_variables(layer)}
    with progress.task(f"running {path.name}", total=None), tensors_of(path, inputs, layers, NUM_KEPT) as tensors:
        _require_kin(path, layers, tensors)
        found = file_errors(model, tensors, inputs)
        predictions = _predictions(model, path, tensors, on)
    wanted = {name: bits or _STORED_BITS[error.stored_as] for name, error in found.items() if _is_stored(error)}
    outputs = (_COMPUTED_BITS.get(error.computes) for error in found.values())
    output_bits = max((each for each in outputs if each is not None), default=None)
    accuracy, points = _each_alone(model, on, wanted, output_bits, progress)
    rows = tuple(
        LayerErrors(
            name,
            type(layer).__name__,
            sum(int(variable.shape.num_elements()) for variable in kernel_variables(layer).values()),
            _alone(points[name], output_bits) if name in points else None,
            _in_file(found[name]) if name in found else None,
        )
        for name, layer in layers.items()
    )
    return Errors(file, str(path), on.title, len(inputs), accuracy, rows, predictions)


def _require_kin(path: Path, layers: Mapping[str, Any], tensors: FileTensors) -> None:
    """Raises `UnsupportedModel` for a file whose names say nothing of this model's layers."""
    if not any(operation.layer for operation in tensors.operations):
        names = ", ".join(operation.op for operation in tensors.operations) or "no operation with a kernel"
        raise UnsupportedModel(
            f"--against expects a .tflite whose tensors are named after the model's layers ({', '.join(layers)}). "
            f"Received: {path}, with {names} and none of these names. Give the file made of this model."
        )


def _is_stored(error: FileError) -> bool:
    return error.stored_as in _STORED_BITS


def _each_alone(
    model: Any, on: MeasuredOn, wanted: Mapping[str, int], output_bits: int | None, progress: Progress
) -> tuple[float | None, dict[str, LayerAtBits]]:
    """The float model's accuracy, and each layer of `wanted` alone with so many bits."""
    bits = sorted(set(wanted.values()))
    compare, rounded = _comparison(model, on), output_bits if wanted else None
    whole, points = measure_layers(model, on.examples, compare, bits, Affine(), rounded, progress, _OWNER, only=wanted)
    return whole.metric, {point.layer: point for point in points}


def _predictions(model: Any, path: Path, tensors: FileTensors, on: MeasuredOn) -> FilePredictions:
    """The file's predictions against the float model's, on all examples."""
    import numpy as np

    exact = np.concatenate([np.asarray(model(batch, training=False)) for batch in on.examples])
    if tensors.predictions.size != exact.size:
        raise UnsupportedModel(
            f"--against expects a .tflite with the model's output shape, {exact.shape[1:]}. Received: {path}, which "
            f"gives {tensors.predictions.shape[1:]}. Give the file made of this model."
        )
    given = tensors.predictions.reshape(exact.shape)
    found = _comparison(model, on)([exact], [given])
    error = found.error
    return FilePredictions(error.sqnr_db, error.cosine, found.top_1_agreement, found.metric, tensors.num_kept)


def _comparison(model: Any, on: MeasuredOn) -> Comparison:
    """What compares two runs; several numbers that no sigmoid makes are taken for classes, as no task is known."""
    import numpy as np

    (spec,) = output_specs(model)
    names_classes = len(spec.shape) == 2 and ((spec.shape[1] or 0) > 1 or spec.activation == SIGMOID)
    several = Classification(several_labels=spec.activation == SIGMOID)
    output = several.output(spec) if names_classes else Output(spec.name, VALUES)
    labels = on.examples.labels

    def compare(exact: Sequence[np.ndarray], changed: Sequence[np.ndarray]) -> OutputComparison:
        accuracy = None if labels is None else float(np.mean(output.decide(changed[0]) == labels))
        return dataclasses.replace(compare_outputs(exact, changed, [output]), metric=accuracy)

    return compare


def _alone(point: LayerAtBits, output_bits: int | None) -> Alone:
    return Alone(
        bits=point.bits,
        output_bits=output_bits,
        kernel_sqnr_db=point.kernel_sqnr_db,
        kernel_cosine=point.kernel_cosine,
        output_sqnr_db=point.output_sqnr_db,
        output_cosine=point.output_cosine,
        predictions_sqnr_db=point.predictions_sqnr_db,
        top_1_agreement=point.top_1_agreement,
        accuracy=point.metric,
    )


def _in_file(error: FileError) -> InFile:
    kernel, output = error.kernel, error.output
    return InFile(
        op=error.op,
        stored_as=error.stored_as,
        computes=error.computes,
        kernel_sqnr_db=kernel.sqnr_db if kernel else None,
        kernel_cosine=kernel.cosine if kernel else None,
        output_sqnr_db=output.sqnr_db if output else None,
        output_cosine=output.cosine if output else None,
        reason=error.reason,
    )
