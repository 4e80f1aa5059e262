"""Measures what advice is made of: a model, the file made of it, and examples."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..backend.native import captured_stderr
from ..backend.tensorflow import is_quantization_aware, tf
from ..core.examples.nests import fitted
from ..core.examples.source import Source, Stream, batches_of, head
from ..core.tasks.metrics import closeness
from ..core.tasks.task import VALUES, BoundTask, Task
from ..core.types import Data
from ..delegates.xnnpack import left_by_xnnpack
from ..inspecting.values import OperatorRow, TfliteFile
from ..measuring.departure import layer_tensors
from ..measuring.evaluation import bound
from ..measuring.file_run import FileRun, in_order, num_examples
from ..measuring.outputs import input_specs, output_specs
from ..quantization.after_training.equalization import pairs
from ..quantization.after_training.folding import fold
from .evidence import OUTPUT, Evidence, FileOp, InputRange, Rounded
from .inputs import order_of, other_scale
from .rounding import rounded_by

if TYPE_CHECKING:
    import numpy as np

MANY = 8  # times as many examples for labels as for tensors
POOLS = ("AVERAGE_POOL_2D", "MAX_POOL_2D")


def gather(
    model: Any,
    data: Data,
    task: Task | None = None,
    path: Path | None = None,
    file: TfliteFile | None = None,
    mode: str = "",
    needs_reset: bool = False,
    states: tuple[tuple[str, str], ...] = (),
) -> Evidence:
    """What can be known of a model and a file of it, on examples of the data's test split.

    Args:
      model: a tf_keras model.
      data: its test split is looked at, a few dozen examples; a few hundred for their labels.
      task: what is asked of the model. Defaults to None: the data's; without one no labels are looked at.
      path: the file, which is known to run. Defaults to None: the model alone is looked at.
      file: what is in it. Goes with `path`.
      mode: what the file is. Defaults to "".
      needs_reset: whether its variables are reset before each example. Defaults to False.
      states: inputs that take what outputs gave before. Defaults to none.
    """
    found = Evidence(is_quantization_aware=is_quantization_aware(model))
    found = _with_labels(found, model, data, task)
    if path is None or file is None:
        return found
    content = path.read_bytes()
    with captured_stderr():
        run = FileRun(content, keeps_all=True, forgets=needs_reset, states=states)
    specs = input_specs(model)
    examples = _examples(data, specs, num_examples([spec.shape for spec in specs]))
    arrays = list(examples.values())
    exact = [np_of(each) for each in tf.nest.flatten(model(arrays if len(arrays) > 1 else arrays[0], training=False))]
    names = [spec.name for spec in output_specs(model)]
    with captured_stderr():
        given = in_order(run.outputs(examples), names)
    known = [(x, given[name].reshape(x.shape)) for name, x in zip(names, exact, strict=True) if x.dtype.kind == "f"]
    decibels = min((closeness(x, y).sqnr_db for x, y in known), default=None)
    found = dataclasses.replace(
        found,
        mode=mode,
        raw_bytes=file.raw_bytes,
        zipped_bytes=file.zipped_bytes,
        num_examples=len(arrays[0]),
        predictions_db=None if decibels is None or not math.isfinite(decibels) else decibels,
        operations=_operations(run, model, file, content),
        inputs=tuple(_ranges(run, examples)),
    )
    if not found.is_rough or found.is_quantization_aware or not known:
        return found
    rounded = rounded_by(run, model, examples, known[0][0])
    if not isinstance(data.test, Stream):  # its examples have numbers
        numbers = numbers_of(len(data.test), len(arrays[0]))
        rounded = [
            dataclasses.replace(each, farthest=tuple(int(numbers[place]) for place in each.farthest))
            for each in rounded
        ]
    return dataclasses.replace(found, rounded=tuple(_with_pairs(rounded, model)))


def np_of(tensor: Any) -> Any:
    """A tensor as an array; float32 of bfloat16."""
    values = tensor.numpy()
    return values.astype("float32") if values.dtype.name == "bfloat16" else values


def _examples(data: Data, specs: Any, count: int) -> dict[str, np.ndarray]:
    stored = _some(data.test, count)[0]
    arrays = fitted(data.model_inputs(stored), specs)
    return {spec.name: array for spec, array in zip(specs, arrays, strict=True)}


def _some(source: Source, count: int) -> Any:
    """Examples spread evenly over a split, as it may be sorted by class; the first ones of a stream."""
    if isinstance(source, Stream):
        return next(batches_of(head(source, count), count))
    return source.batch(numbers_of(len(source), count))


def numbers_of(size: int, count: int) -> np.ndarray:
    """The numbers of `count` examples spread evenly over a split of `size`, all where there are fewer.

    >>> numbers_of(10, 4).tolist(), numbers_of(2, 4).tolist()
    ([0, 3, 6, 9], [0, 1])
    """
    import numpy as np

    return np.unique(np.linspace(0, size - 1, min(count, size)).round().astype(int))


def _operations(run: FileRun, model: Any, file: TfliteFile, content: bytes) -> tuple[FileOp, ...]:
    _, found = layer_tensors(run, model)
    layers = {index: name for name, (_, index) in found.items()}
    left = left_by_xnnpack(content)
    return tuple(_operation(row, file, layers, left) for row in file.operators if row.graph == 0)


def _operation(row: OperatorRow, file: TfliteFile, layers: Mapping[int, str], left: frozenset[int] | None) -> FileOp:
    shapes = [file.tensor(index).shape for index in row.outputs]
    first = file.tensor(row.inputs[0]).shape if row.inputs and row.inputs[0] >= 0 else ()
    table = row.weights if row.weights is not None else (row.inputs[0] if row.op == "GATHER" else None)
    constant = max(
        (index for index in row.inputs if index >= 0), key=lambda i: file.tensor(i).constant_bytes, default=None
    )
    stored = table if table is not None else constant
    return FileOp(
        number=row.index,
        op=row.op,
        arithmetic=row.arithmetic,
        layer=next((layers[index] for index in row.outputs if index in layers), None),
        numbers=sum(math.prod(shape) for shape in shapes),
        macs=row.num_macs or 0,
        constant_bytes=row.constant_bytes,
        stored_as="" if stored is None or not file.tensor(stored).constant_bytes else file.tensor(stored).dtype,
        on_xnnpack=None if left is None else row.index not in left,
        inputs=row.inputs,
        outputs=row.outputs,
        covers=row.op in POOLS and len(first) == 4 and bool(shapes) and shapes[0][1:3] == (1, 1),
    )


def _ranges(run: FileRun, examples: Mapping[str, np.ndarray]) -> list[InputRange]:
    import numpy as np

    found = []
    for name, kind in run.inputs.items():
        values = in_order(examples, list(run.inputs))[name]
        ends = np.iinfo(kind.dtype) if kind.scale else None
        low, high = ((e - kind.zero_point) * kind.scale for e in (ends.min, ends.max)) if ends else (None, None)
        found.append(InputRange(name, low, high, float(values.min()), float(values.max())))
    return found


def _with_pairs(rounded: list[Rounded], model: Any) -> list[Rounded]:
    """The same, those of them that stand before a layer to which their scales can be moved being marked."""
    if not any(each.what == OUTPUT for each in rounded[:1]):
        return rounded
    firsts = {pair.first.name for pair in pairs(fold(model, "advise").model, "advise")}
    return [dataclasses.replace(each, can_be_equalized=each.layer in firsts) for each in rounded]


def _with_labels(found: Evidence, model: Any, data: Data, task: Task | None) -> Evidence:
    """What the labels say: of a classifier of one input and one output."""
    known: Task | None = task or data.task
    if known is None or len(model.inputs) != 1 or len(output_specs(model)) != 1 or data.test is None:
        return found
    bound_task: BoundTask = bound(known, model)
    (output,) = bound_task.outputs
    if output.kind == VALUES:
        return found
    specs = input_specs(model)
    stored, *rest = _some(data.test, MANY * num_examples([spec.shape for spec in specs]))
    if not rest or rest[0] is None or isinstance(rest[0], dict):
        return found
    inputs = fitted(data.model_inputs(stored), specs)[0]
    return dataclasses.replace(
        found,
        order=order_of(output, rest[0], model.predict_on_batch(inputs)),
        other_scale=other_scale(output, rest[0], inputs, model.predict_on_batch),
    )
