"""The task of a compiled model: what its loss and its metrics ask, and nothing that they leave open."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from typing import Any

from ...backend.tensorflow import keras
from ...core.errors import InvalidValue
from ...core.tasks.presets import ByOutput, Classification, Regression, Segmentation
from ...core.tasks.task import BINARY, CLASSES, VALUES, OutputSpec, Task
from ...layers.twins import keras3
from ...measuring.outputs import activation_of, output_specs
from ..loading.both_keras import functional, maker_name, structures
from ..loading.tracing import trace_model
from .compile_losses import meaning_of, trainable
from .compile_metrics import accuracy_kind, task_metrics
from .compile_outputs import ADVICE, Compiled, by_output, named
from .compile_settings import CompileSettings, settings_of

# What load_model knows of models that it gave, which are uncompiled: a task, or why it is not known.
_LOADED: weakref.WeakKeyDictionary[Any, Task | str] = weakref.WeakKeyDictionary()


def compiled_task(model: Any) -> Task | None:
    """Makes the task of a model of what it was compiled with: loss, metrics and loss weights.

    The loss tells what outputs are: a cross-entropy makes `Classification`, of one label or of several where a binary
    one is for several columns, a class for each pixel `Segmentation`, a mean error `Regression`; `ByOutput` has one for
    each of several outputs. The compiled loss stays that of training, and the compiled metrics evaluate, the first as
    the headline, over all predictions. A loss of the user's own makes `Task(loss=..., metrics=...)` of the metrics.

    Args:
      model: a compiled model of `keras` or `tf_keras`, or what `load_model` made of a compiled one.

    Returns:
      The task; None for a model that is not compiled, or with neither a loss nor a metric.

    Raises:
      InvalidValue: where the loss is of the user's own, and no metric tells what the outputs are.

    Example:

    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="kind")])
    >>> model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    >>> task = compiled_task(model)
    >>> type(task).__name__, task.from_logits, task.metrics[0].name
    ('Classification', True, 'accuracy')
    """
    if not isinstance(model, keras.Model | keras3().Model):
        raise InvalidValue(
            f"compiled_task.model must be a Keras model. Received: a {type(model).__name__}. Bring a "
            "file in with load_model."
        )
    settings = settings_of(model)
    if settings is None:
        known = _LOADED.get(model)
        if isinstance(known, str):
            raise InvalidValue(known)
        return known
    return None if settings.say_nothing else task_of(settings, *_outputs(model))


def remember(model: Any, task: Task | str | None) -> None:
    """Keeps what `compiled_task` says of a model that is uncompiled: its task, or why it is not known."""
    if task:
        _LOADED[model] = task


def remembered(model: Any) -> Task | str | None:
    """What `remember` was told of a model."""
    return _LOADED.get(model)


def task_of(settings: CompileSettings, specs: Sequence[OutputSpec], other_names: Sequence[Sequence[str]]) -> Task:
    """The task of a model with these outputs that was compiled so; see `by_output`. Raises `InvalidValue`."""
    compiled = by_output(settings, specs, other_names)
    tasks = {each.spec.name: _task(each) for each in compiled}
    if len(compiled) == 1:
        return tasks[compiled[0].spec.name]
    weighted = any(each.weight is not None for each in compiled)
    weights = {each.spec.name: 1.0 if each.weight is None else float(each.weight) for each in compiled}
    return ByOutput(tasks=tasks, loss_weights=weights if weighted else None)


def loaded_outputs(original: Any, made: Any) -> tuple[tuple[OutputSpec, ...], list[list[str]]]:
    """The outputs of what `load_model` made, and what the original calls them."""
    specs, graph = output_specs(made), functional(original)
    return specs, [[]] * len(specs) if graph is None else _names(graph, len(specs))


def _outputs(model: Any) -> tuple[tuple[OutputSpec, ...], list[list[str]]]:
    """The outputs of a model of either Keras, and the names of the layers that make them."""
    graph = functional(model)
    if isinstance(model, keras.Model) and graph is not None:
        specs = output_specs(model)
        return specs, _names(graph, len(specs))
    graph = trace_model(model) if graph is None else graph
    nest = structures(graph)[1]
    names = sorted(nest) if isinstance(nest, Mapping) else [maker_name(tensor) for tensor in graph.outputs]
    specs = tuple(
        OutputSpec(name, tuple(tensor.shape), _activation(tensor))
        for name, tensor in zip(names, graph.outputs, strict=True)
    )
    return specs, _names(graph, len(specs))


def _names(graph: Any, count: int) -> list[list[str]]:
    """By which names the outputs of a model of either Keras may go in `compile`, beside those that data has."""
    nest = structures(graph)[1]
    keys = sorted(nest) if isinstance(nest, Mapping) and len(nest) == count else [None] * count
    makers = [maker_name(tensor) for tensor in graph.outputs]
    return [[name for name in pair if name] for pair in zip(keys, makers, strict=True)]


def _activation(tensor: Any) -> str:
    """What a Keras 3 layer ends in, or a tf_keras one, as `OutputSpec` has it."""
    if not hasattr(tensor._keras_history, "operation"):
        return activation_of(tensor)
    operation = tensor._keras_history.operation
    name = getattr(getattr(operation, "activation", None), "__name__", type(operation).__name__.lower())
    return name if name in ("softmax", "sigmoid") else ""


def _task(compiled: Compiled) -> Task:
    """The task of one output."""
    spec, loss = compiled.spec, compiled.loss
    if loss is None:
        raise InvalidValue(
            f"compile.loss must be given for output {spec.name!r}. Received: none, and "
            f"{_listed(compiled.metrics) or 'no metric'}. {ADVICE}"
        )
    columns = spec.shape[-1] if len(spec.shape) > 1 else 1
    meaning = meaning_of(loss, columns)
    kind = meaning.kind or _kind_by_accuracies(compiled, columns)
    accuracies = [each for each in compiled.metrics if accuracy_kind(each) is not None]
    if kind == VALUES and accuracies:
        if not spec.activation:
            raise InvalidValue(
                f"compile.metrics must fit the loss of output {spec.name!r}, {named(loss)}, which is of numbers. "
                f"Received: {_listed(accuracies)}, of classes. {ADVICE}"
            )
        kind = CLASSES if spec.activation == "softmax" else BINARY  # a classifier that learns by mean squares
    metrics = task_metrics(compiled.metrics, kind)
    if kind == VALUES:
        return Regression(loss=trainable(loss), metrics=metrics)
    if kind:
        several = kind == BINARY and columns != 1
        preset = Segmentation if len(spec.shape) == 4 and not several else Classification
        return preset(
            loss=trainable(loss),
            metrics=metrics,
            several_labels=several,
            from_logits=meaning.from_logits,
            ignore=meaning.ignore,
        )
    if not metrics:
        raise InvalidValue(
            f"compile.loss must tell what output {spec.name!r} gives, or a metric must. Received: {named(loss)}, and "
            f"no metric. {ADVICE}"
        )
    return Task(loss=trainable(loss), metrics=metrics)


def _kind_by_accuracies(compiled: Compiled, columns: int | None) -> str:
    """What accuracies say of an output whose loss says nothing; "" where there is none."""
    kinds = [kind for kind in map(accuracy_kind, compiled.metrics) if kind is not None]
    if not kinds:
        return ""
    return next((kind for kind in kinds if kind), BINARY if columns == 1 else CLASSES)


def _listed(values: Sequence[Any]) -> str:
    return ", ".join(map(named, values))
