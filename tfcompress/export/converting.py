"""What all exporters share: a model of batch 1, TensorFlow's converter, and a file that is whole or not there."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..backend.conversion import (
    ConverterDied,
    ConverterRefused,
    ConverterSettings,
    converted,
    missing_operations,
    quantized,
    served_by,
)
from ..backend.tensorflow import keras
from ..core.errors import ConversionFailed, InvalidValue
from ..core.examples.nests import fitted
from ..core.examples.source import batches_of
from ..core.remarks import remark
from ..core.types import Artifact
from ..data.dataset import as_data
from ..measuring.measure import leaf_layers, plain_name
from ..measuring.outputs import gives_dict, input_specs, input_tensors, output_specs
from ..measuring.tflite import zipped_bytes
from ..models_io.copying import copy_model
from ..models_io.full_precision import in_float32, is_mixed
from .loop_ranges import with_ranges
from .rewrites.attention_masks import clamp_masks, largest_scores, masks_of
from .rewrites.averages_in_concat import averages_in_concat
from .rewrites.cell_scale import with_cell_scales
from .rewrites.constant_first import constants_second
from .rewrites.graph import with_changes
from .rewrites.integer_files import with_conversions
from .rewrites.recurrent import MOST_STEPS, Recurrent, convolves, in_form, short_enough, unrolled
from .rewrites.repeated_slices import repeats_tiled
from .rewrites.shared_extremes import shared_extremes
from .rewrites.states import Stated, left_to_the_file, with_states
from .rewrites.sums_by_means import sums_by_means
from .rewrites.unstack_concat import unstacked_by_split
from .strided_pointwise import with_strides_before
from .written.agreement import require_agreement
from .written.float_operations import say_float_operations
from .written.sizes import say_size

if TYPE_CHECKING:
    pass

NO_OPERATION = "no operation"
NO_CAUSE = (
    "That is no cause that tfcompress knows a fix for; this error's __cause__, which --debug shows, has all that the "
    "converter said."
)


def convert(
    model: Any,
    data: Any,
    path: str | Path,
    mode: str,
    settings: ConverterSettings,
    calibration: Callable[[], Iterator[Any]] | None = None,
    recurrent: str = "auto",
) -> Artifact:
    """Writes `model` to `path` by TensorFlow's converter, which runs in a process of its own.

    Lengths that the model leaves open are those of the first example of `data`, as TFLite wants to know them; without
    data they stay open. What the converter is known to compile wrongly is rewritten before (rewrites/).

    Args:
      model: a tf_keras model.
      data: to take lengths from and to compare on; may be None.
      path: of the file.
      mode: what the file is.
      settings: of the converter.
      calibration: gives the examples that ranges are taken from, one at a time. Defaults to None: none are.
      recurrent: the form of recurrent layers (rewrites/recurrent.py). Defaults to "auto".

    Raises:
      ConversionFailed: with what the converter says of it or how it crashed, or when what it wrote is not the model
        (`write`).
      InvalidValue: for a form that the model's layers cannot have.
    """
    if is_mixed(model):  # of which TFLite has no operations, but of weights alone
        remark(f"{model.name} computes in mixed precision; the file is of its float32.")
        model = in_float32(model)
    copy = copy_model(model, batch_size=1, shapes=_closed_shapes(model, data), names=_input_names(model))
    plain = {layer.name: plain_name(layer) for layer in copy.layers}
    names = [plain.get(name, name) for name in copy.output_names]  # the file's: without tfmot's "quant_"
    if gives_dict(model):
        names = [spec.name for spec in output_specs(model)]
    stateful = [layer.name for layer in copy.layers if getattr(layer, "stateful", False)]
    stated = Stated(left_to_the_file(copy)) if recurrent == "fused" else with_states(copy)
    made = _in_form(stated.model, recurrent, mode, calibration is not None)
    _say_states(stateful, stated, made)
    copy = made.model
    copy.output_names = [*names, *(output for _, output in stated.states)]
    if calibration is not None and stated.states:
        calibration = functools.partial(_following, stated, calibration)
    try:
        carrier = served_by(copy, lambda function: _rewritten(function, mode, calibration))
        if calibration is not None and not made.fused and not mode.startswith("int16") and _has_loop(carrier):
            content = quantized(with_ranges(converted(carrier, ConverterSettings()), calibration()), settings)
        else:
            content = _converted(carrier, settings, calibration, mode)
    except ConverterDied as error:
        raise ConversionFailed(_death(error, mode, model, calibration is not None)) from error
    except (InvalidValue, ConversionFailed):
        raise
    except Exception as error:  # tracing and saving raise classes of TensorFlow's and the model's own
        reason = _reason(error)
        fix = "Look for a layer that TFLite has no operation for." if reason.startswith(NO_OPERATION) else NO_CAUSE
        raise ConversionFailed(f"The TFLite converter could not write {mode}. Its reason: {reason} {fix}") from error
    return write(content, path, mode, model, data, bool(made.fused), stated.states)


def _in_form(copy: Any, form: str, mode: str, calibrates: bool) -> Recurrent:
    """The copy with its recurrent layers in the form that was asked for, as far as the mode allows it."""
    made = in_form(copy, form)
    if calibrates and made.loops and (made.fused or mode.startswith("int16")):
        # TensorFlow's quantizer (2.21) gives int16 in loops zero points other than 0, which no kernel takes; and the
        # ranges within a fused LSTM only its calibrator finds, which dies of a loop beside it.
        short = short_enough(copy, made.loops)
        loops = tuple(name for name in made.loops if name not in short)
        made = Recurrent(unrolled(copy, short), loops, made.fused, short)
        if short:
            remark(
                f"{', '.join(short)}: written step by step, as {mode} of a loop cannot be made; the file has each "
                "step, and is larger."
            )
    if made.fused:
        remark(
            f"{', '.join(made.fused)}: one operation with variable tensors, which keeps its states from call to call. "
            "An app must reset them before each (reset_all_variables), and LiteRT's CompiledModel refuses the file."
        )
    return made


def _following(stated: Stated, calibration: Callable[[], Iterator[Any]]) -> Iterator[Any]:
    return stated.following(calibration())


def _say_states(stateful: Sequence[str], stated: Stated, made: Recurrent) -> None:
    """Remarks what becomes of states that the model keeps from call to call."""
    if stated.states:
        pairs = ", ".join(f"{given} of {output}" for given, output in stated.states)
        remark(
            f"the states that the model keeps from call to call are inputs and outputs: give each call what the one "
            f"before gave ({pairs}), and zeros to begin a sequence."
        )
    kept = [name for name in stateful if name in made.fused or getattr(made.model.get_layer(name), "stateful", False)]
    if kept:
        remark(
            f"{', '.join(kept)}: states stay in the file from call to call, as in the model, until an app resets its "
            "variables to begin a sequence."
        )


def _has_loop(carrier: Any) -> bool:
    """Whether the function to be converted runs a loop."""
    graph = getattr(getattr(carrier, "_default_save_signature", None), "graph", None)
    if graph is None:
        return False
    definition = graph.as_graph_def()
    parts = (definition.node, *(function.node_def for function in definition.library.function))
    return any(node.op in ("While", "StatelessWhile") for nodes in parts for node in nodes)


def _converted(
    carrier: Any, settings: ConverterSettings, calibration: Callable[[], Iterator[Any]] | None, mode: str
) -> bytes:
    """What the converter writes; with inputs and outputs of float32 where it can give them no other type."""
    try:
        return converted(carrier, settings, None if calibration is None else calibration())
    except ConverterRefused as error:
        # Where an operation without an int16 form stands at an end of the model.
        if not re.search(r"Unsupported (input|output) type INT16 for .* of type FLOAT32", str(error)):
            raise
    remark(f"The {mode} file has float32 inputs and outputs: an operation beside one of them has no int16 form.")
    plain = dataclasses.replace(settings, io_type="float32")
    return converted(carrier, plain, None if calibration is None else calibration())


def _death(error: Exception, mode: str, model: Any, calibrates: bool) -> str:
    """What to say, and to do, when the converter's process did not end by itself."""
    said = f"The TFLite converter could not write {mode}: its process {error}. No file was written."
    recurrent = [layer.name for layer in leaf_layers(model) if isinstance(layer, keras.layers.RNN)]
    if calibrates and recurrent:
        # Its calibrator crashes on what becomes a loop: GRU, SimpleRNN, stacked cells (TensorFlow 2.21).
        named = ", ".join(map(repr, recurrent))
        said += f" Its calibration is known to crash on recurrent layers, and the model has {named}. "
        if not any(map(convolves, leaf_layers(model))):
            said += f"Sequences of at most {MOST_STEPS} steps can be laid out (recurrent='unrolled'); or export "
        else:
            said += "Export "
        said += "Int8, Float16 or DynamicRange."
    return said


def _input_names(model: Any) -> dict[str, str]:
    """The keys of a dict of inputs, by which data has them, for the input layers, whose names the file will have."""
    layers = [tensor.node.layer.name for tensor in input_tensors(model)]
    keys = [spec.name for spec in input_specs(model)] if isinstance(model.input, dict) else layers
    free = set(keys).isdisjoint({layer.name for layer in model.layers} - set(layers))
    return dict(zip(layers, keys, strict=True)) if free else {}


def _closed_shapes(model: Any, data: Any) -> dict[str, tuple[int, ...]]:
    """The shape of one example for each input layer, where the model leaves a length open."""
    specs = input_specs(model)
    if data is None or not any(None in spec.shape[1:] for spec in specs):
        return {}
    known = as_data(data, "convert.data")
    arrays = fitted(known.model_inputs(next(batches_of(known.train, 1))[0]), specs)
    layers = [tensor.node.layer.name for tensor in input_tensors(model)]
    return {name: array.shape[1:] for name, array in zip(layers, arrays, strict=True)}


def _rewritten(function: Any, mode: str, calibration: Callable[[], Iterator[Any]] | None) -> Any:
    """The function without what the converter compiles wrongly, or the quantizer cannot give a range."""
    given = len(function.inputs) - len(function.graph.captures)
    inputs = frozenset(tensor.op.name for tensor in function.inputs[:given])

    def shapes(name: str) -> list[int | None] | None:
        return _shape_in(function, name)

    changes = [
        lambda graph: constants_second(graph, inputs),
        unstacked_by_split,
        averages_in_concat,
        lambda graph: repeats_tiled(graph, shapes),
    ]
    if calibration is not None:
        changes.insert(0, shared_extremes)
    if mode.startswith("int16"):
        changes.append(lambda graph: sums_by_means(graph, shapes))
    masks = masks_of(function.graph.as_graph_def()) if calibration is not None else {}
    if calibration is not None and masks:
        # Eight bits are few: nearly all of them should be the scores'. Sixteen have room for what is surely nothing.
        times, more = (2, 16) if mode.startswith("int16") else (1, 8)
        largest = largest_scores(function, masks, calibration())
        limits = {name: times * score + more for name, score in largest.items()}
        changes.append(lambda graph: clamp_masks(graph, limits))
    return with_changes(function, changes)


def _shape_in(function: Any, name: str) -> list[int | None] | None:
    """The shape of a tensor of a traced function's graph; None where it has none, or is none of its own."""
    try:
        shape = function.graph.get_tensor_by_name(name if ":" in name else f"{name}:0").shape
    except KeyError:
        return None
    return list(shape) if shape.rank is not None else None


def write(
    content: bytes,
    path: str | Path,
    mode: str,
    model: Any,
    data: Any,
    needs_reset: bool = False,
    states: tuple[tuple[str, str], ...] = (),
) -> Artifact:
    """Writes the content of a .tflite made of `model` as `path`, whole or not at all.

    `needs_reset` says that an app must reset the file's variables before each call; `states` are inputs that take what
    outputs gave in the call before.

    Raises:
      ConversionFailed: when it does not compute what `model` does, for some of the examples of `data`.
    """
    path, content = Path(path), with_cell_scales(with_strides_before(content))
    if mode.startswith(("int", "mixed")):
        content = with_conversions(content)
    require_agreement(content, mode, model, data, needs_reset, states)
    partial = path.with_name(f".partial-{path.name}")
    try:
        partial.write_bytes(content)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    if mode.startswith(("int", "mixed")):
        say_float_operations(content, mode, {plain_name(layer) for layer in leaf_layers(model)})
    say_size(content, mode, sum(variable.shape.num_elements() for variable in model.weights))
    names = tuple(spec.name for spec in input_specs(model))
    digest = hashlib.sha256(content).hexdigest()
    sizes = (len(content), zipped_bytes(content), digest)
    layers = tuple(plain_name(layer) for layer in leaf_layers(model))
    return Artifact(path, mode, *sizes, names, output_specs(model), needs_reset, states, layers)


def _reason(error: Exception) -> str:
    """What the converter says is wrong; its message goes on with the program it was about, hundreds of lines."""
    text = str(error)
    missing = missing_operations(text)
    if missing:
        return f"{NO_OPERATION} for {', '.join(missing)}."
    said = re.search(r"error: (.+)", text) or re.search(r"\S.*", text)
    return (said[said.lastindex or 0] if said else type(error).__name__).strip()
