"""A new file against the Keras model that it was made of, before the file has its name: the converter is not believed.

TensorFlow's converter has written files that run and are wrong (see export/rewrites/), so that a few dozen examples go
through both, and each output is compared by its SQNR, centred over the examples.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...backend.conversion import ConverterDied, require_survival
from ...backend.native import captured_stderr
from ...backend.tensorflow import is_quantization_aware, keras, tf
from ...core.errors import ConversionFailed
from ...core.examples.nests import TensorSpec, fitted
from ...core.examples.source import Stream, batches_of, head
from ...core.remarks import remark
from ...core.tasks.metrics import closeness
from ...data.dataset import as_data
from ...measuring import tflite
from ...measuring.departure import first_departure
from ...measuring.file_run import FileRun, in_order, num_examples
from ...measuring.measure import leaf_layers
from ...measuring.outputs import input_specs, output_specs
from ...models_io.copying import copy_model

if TYPE_CHECKING:
    import numpy as np

FLOAT_DB = 40.0  # below it a float file is another model
NOISE_DB = 6.0  # below it an integer file is noise: half of each number is wrong
ROUGH_DB = 20.0  # below it an integer file is worth a remark; honest int4 weights have 18
SAME_NUMBERS = 0.9  # of whole numbers (classes, positions) that a float file has in common with the model
FLOAT_MODES = ("float32", "float16")
# Noise that is this small beside the output itself, its mean included, is the type's rounding, however little the
# examples differ: an untrained network gives nearly the same for each.
ROUNDING = {"float32": 1e-5, "float16": 5e-3}
INTEGER_ROUNDING = 0.01
IMAGE_RANGE = (0, 256)
ANOTHER_MODE = "Export another mode, or write the model of other layers: docs/operations.md says what each becomes."


@dataclasses.dataclass(frozen=True)
class _Fault:
    """An output of the file that is not the model's: how it is said, and the SQNR that layers are held to."""

    text: str
    limit_db: float
    is_error: bool


def require_agreement(
    content: bytes, mode: str, model: Any, data: Any, needs_reset: bool = False, states: Sequence[tuple[str, str]] = ()
) -> None:
    """Compares a file with `model` on a few dozen training examples of `data`; without data on seeded random inputs.

    Random inputs have the range that a quantized input of the file has, else are normal; whole numbers are those that
    the model's embeddings have rows for. Outputs that are the same for each example tell nothing. Examples follow each
    other without a reset between them, as in an app, but where the file `needs_reset` and the model keeps no states.
    `states` are handed on from call to call.

    Raises:
      ConversionFailed: when the file ends the process that runs it; when an output of a float file has an SQNR below
        40 dB, one of another file below 6 dB, or one is no number where the model's is, with the layer where that
        begins. Below 20 dB it is a remark.
    """
    if model.inputs[0].shape[0] not in (None, 1):
        model = copy_model(model, batch_size=1)  # which the file is of
    specs = input_specs(model)
    try:
        trial = require_survival(content)
    except ConverterDied as error:
        raise ConversionFailed(
            f"The {mode} file ends the process that runs it: it {error}. No file was written. {ANOTHER_MODE}"
        ) from error
    if trial.refused_by_default:
        reason = " ".join(trial.refused_by_default.split())
        remark(
            f"The {mode} file does not load as most apps load it, with XNNPACK. Its reason: {reason} An app must turn "
            "XNNPACK off; or export another mode.",
            level=logging.WARNING,
        )
    with captured_stderr(), _running(mode):
        run = FileRun(content, forgets=needs_reset and not _stateful(model), states=states)
    examples = _of_data(data, specs) if data is not None else _random(model, specs, run)
    if not examples:
        return
    with captured_stderr(), _running(mode):
        given = run.outputs(examples)
    exact = _outputs(model, examples)
    if exact is None:
        return
    faults = _faults(exact, given, content, mode, model)
    if not faults:
        return
    alone = _outputs(model, examples, one_by_one=True)
    again = _outputs(model, examples, one_by_one=True)
    if alone is None or again is None or _faults(alone, again, b"", "float32", model):
        remark(f"The {mode} file was not compared with the model, which gives other outputs at each call.")
        return
    faults = _faults(alone, given, content, mode, model)  # what looks at a whole batch is right with one example
    if faults:
        _say(faults, mode, content, model, examples, "of data" if data is not None else "drawn at random")


@contextlib.contextmanager
def _running(mode: str) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ConversionFailed(
            f"The {mode} file that the converter wrote does not run on the CPU. Its reason: {reason} No file was "
            f"written. {ANOTHER_MODE}"
        ) from error


def _say(
    faults: list[_Fault], mode: str, content: bytes, model: Any, examples: Mapping[str, np.ndarray], origin: str
) -> None:
    errors = [fault for fault in faults if fault.is_error]
    worst = (errors or faults)[0]
    try:
        found = first_departure(content, model, examples, worst.limit_db)
    except (ValueError, RuntimeError, TypeError, tf.errors.OpError) as error:
        logging.getLogger("tfcompress").debug("the layer could not be found: %s", error)
        found = None
    where = f" Of the layers that the file names, the first to depart is {found}." if found else ""
    count = len(next(iter(examples.values())))
    if errors:
        raise ConversionFailed(
            f"The {mode} file that the converter wrote does not compute what the model does: {worst.text}, over "
            f"{count} examples {origin}.{where} No file was written. {ANOTHER_MODE}"
        )
    remark(f"The {mode} file is rough: {worst.text}, over {count} examples {origin}.{where}", level=logging.WARNING)


def _faults(
    exact: Mapping[str, np.ndarray], given: Mapping[str, np.ndarray], content: bytes, mode: str, model: Any
) -> list[_Fault]:
    """The outputs that differ, the worst kind first; `content` b"" where both are the model's."""
    import numpy as np

    is_float = _plain(mode) in FLOAT_MODES and not is_quantization_aware(model)
    limit = FLOAT_DB if is_float else ROUGH_DB
    # Probabilities have steps of 1/256 in int8, whatever calibration saw: more than a thousand classes of an untrained
    # network differ by.
    fixed = {spec.name for spec in output_specs(model) if spec.activation}
    found = []
    for name, values in in_order(given, list(exact)).items():
        expected = exact[name]
        if values.size != expected.size:
            sizes = f"{values.shape[1:]} where the model gives {expected.shape[1:]}"
            found.append(_Fault(f"output {name!r} has shape {sizes}", limit, True))
            continue
        values = values.reshape(expected.shape)
        if expected.dtype.kind != "f":
            share = float(np.mean(values == expected))
            if share < SAME_NUMBERS:  # of an integer file no error: classes may be near to each other
                text = f"{100 * share:.0f} % of the numbers of output {name!r} are the same"
                found.append(_Fault(text, limit, is_float))
            continue
        if not np.isfinite(values[np.isfinite(expected)]).all():
            found.append(_Fault(f"output {name!r} has NaN or infinite numbers where the model has none", limit, True))
            continue
        both = np.isfinite(expected) & np.isfinite(values)
        x, y = (np.where(both, array, 0).astype("float64") for array in (expected, values))
        decibels = closeness(x, y).sqnr_db
        if decibels == -math.inf or decibels >= limit:
            continue
        noise, size = math.sqrt(np.mean((x - y) ** 2)), math.sqrt(np.mean(x**2))
        share = max(
            ROUNDING.get(_plain(mode), 0) if is_float else INTEGER_ROUNDING, ROUNDING.get(expected.dtype.name, 0)
        )
        if noise <= share * size or (name in fixed and content and noise <= _step(content, name, list(exact))):
            continue
        is_error = is_float or decibels < NOISE_DB
        least = limit if is_float else NOISE_DB if is_error else ROUGH_DB
        text = f"output {name!r} has an SQNR of {decibels:.1f} dB, centred, and at least {least:.0f} are expected"
        found.append(_Fault(text, limit, is_error))
    return sorted(found, key=lambda fault: not fault.is_error)


def _plain(mode: str) -> str:
    """The mode without the form of recurrent layers.

    >>> _plain("float16_fused"), _plain("int8_float_io")
    ('float16', 'int8_float_io')
    """
    return mode.partition("_")[0] if mode.startswith(FLOAT_MODES) else mode


def _step(content: bytes, name: str, names: list[str]) -> float:
    """What one step of a quantized output is worth, also where the file makes it float; 0 of a float one."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(bytearray(content)))
    graph = model.subgraphs[0]
    known = {tflite.text_of(each.name): each.tensorIndex for each in model.signatureDefs[0].outputs}
    index = in_order(known, names)[name]
    makers = {int(output): operator for operator in graph.operators for output in operator.outputs}
    maker = makers.get(index)
    if maker is not None and tflite.op_name(model.operatorCodes[maker.opcodeIndex]) == "DEQUANTIZE":
        index = maker.inputs[0]
    quantization = graph.tensors[index].quantization
    scales = None if quantization is None else quantization.scale
    return float(scales[0]) if scales is not None and len(scales) else 0.0


def _of_data(data: Any, specs: list[TensorSpec]) -> dict[str, np.ndarray]:
    import numpy as np

    known = as_data(data, "convert.data")
    count = num_examples([spec.shape for spec in specs])
    if isinstance(known.train, Stream):
        stored = next(batches_of(head(known.train, count), count))[0]
    else:
        # The last of the order whose first ones calibrate: where there are enough, ranges were not made for them.
        order = np.random.default_rng(0).permutation(len(known.train))
        stored = known.train.batch(order[-count:])[0]
    arrays = fitted(known.model_inputs(stored), specs)
    return {spec.name: array for spec, array in zip(specs, arrays, strict=True)}


def _random(model: Any, specs: list[TensorSpec], run: FileRun) -> dict[str, np.ndarray]:
    """Seeded inputs; none, with a remark, where lengths are open or an input is no number."""
    import numpy as np

    if any(None in spec.shape[1:] for spec in specs) or any(spec.dtype == "string" for spec in specs):
        remark("The file was not compared with the model: its inputs are of open length or text. Give data.")
        return {}
    rng = np.random.default_rng(0)
    count = num_examples([spec.shape for spec in specs])
    tables = [layer.input_dim for layer in leaf_layers(model) if isinstance(layer, keras.layers.Embedding)]
    found = {}
    for name, kind in in_order(run.inputs, [spec.name for spec in specs]).items():
        spec = next(each for each in specs if each.name == name)
        shape = (count, *(axis or 1 for axis in spec.shape[1:]))
        if np.dtype(spec.dtype).kind in "iu":
            limits = IMAGE_RANGE if spec.dtype == "uint8" else (0, min(tables, default=2))
            found[name] = rng.integers(*limits, shape).astype(spec.dtype)
        elif spec.dtype == "bool":
            found[name] = rng.integers(0, 2, shape).astype(bool)
        elif kind.scale:
            ends = np.iinfo(kind.dtype)
            low, high = ((end - kind.zero_point) * kind.scale for end in (ends.min, ends.max))
            found[name] = rng.uniform(low, high, shape).astype(spec.dtype)
        else:
            found[name] = rng.normal(size=shape).astype(spec.dtype)
    return found


def _outputs(model: Any, examples: Mapping[str, np.ndarray], one_by_one: bool = False) -> dict[str, np.ndarray] | None:
    """What the model gives, by output; None, with a remark, where it cannot be called with these examples."""
    import numpy as np

    names = [spec.name for spec in output_specs(model)]
    count = len(next(iter(examples.values())))
    size = 1 if one_by_one or model.inputs[0].shape[0] else count
    rows: dict[str, list[np.ndarray]] = {name: [] for name in names}
    stateful = _stateful(model)
    kept = [state.numpy() for layer in stateful for state in tf.nest.flatten(layer.states)]
    try:
        for layer in stateful:
            layer.reset_states()
        for begin in range(0, count, size):
            outputs = model(_nest(model, {n: a[begin : begin + size] for n, a in examples.items()}), training=False)
            for name, output in zip(names, _listed(outputs, names), strict=True):
                values = output.numpy()
                if values.shape[:1] != (size,):
                    if size > 1:
                        return _outputs(model, examples, one_by_one=True)
                    values = values[None]
                rows[name].append(values.astype("float32") if values.dtype.name == "bfloat16" else values)
    except tf.errors.OpError as error:
        reason = str(getattr(error, "message", error)).splitlines()[0]
        remark(f"The file was not compared with the model, which does not take the examples: {reason}")
        return None
    finally:
        states = [state for layer in stateful for state in tf.nest.flatten(layer.states)]
        for state, value in zip(states, kept, strict=True):
            state.assign(value)
    return {name: np.concatenate(found) for name, found in rows.items()}


def _stateful(model: Any) -> list[Any]:
    """The layers that keep states from call to call, as the file does then."""
    return [layer for layer in leaf_layers(model) if getattr(layer, "stateful", False) and hasattr(layer, "states")]


def _nest(model: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """The inputs in the form in which the model takes them."""
    if isinstance(model.input, dict):
        return dict(arrays)
    values = list(arrays.values())
    return values[0] if len(values) == 1 else values


def _listed(outputs: Any, names: list[str]) -> list[Any]:
    if isinstance(outputs, dict):
        return [outputs[name] for name in names]
    return list(outputs) if isinstance(outputs, list | tuple) else [outputs]
