"""The one door: any Keras model in, one functional tf_keras model out, compared with the one that came in."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ...backend.search_path import without_current_folder
from ...backend.tensorflow import is_quantization_aware, keras
from ...core.errors import InvalidValue, UnsupportedModel
from ...core.remarks import remark
from ...core.tasks.task import Task
from ...layers.twins import keras3
from ..compiled.compile_settings import CompileSettings, settings_in, settings_of
from ..compiled.compiled_task import loaded_outputs, remember, remembered, task_of
from ..copying import copy_model
from ..safe_mode.safety import require_safe
from .both_keras import caller_of, functional
from .equality import TOLERANCE, Incomparable, compare, tolerance_for
from .formats import find_facts
from .opening import open_model
from .tfmot_wrappers import unwrapped
from .to_tf_keras import to_tf_keras
from .tracing import trace_model


@dataclasses.dataclass(frozen=True)
class LoadReport:
    """A model that came in, and what there is to say about it.

    Attributes:
      model: a functional, uncompiled tf_keras model.
      origin: what it was: "model.keras (Keras 3)", or "a model of Keras 2 in memory".
      largest_difference: between its outputs and the original's on random input, relative to the largest output; None
        when nothing could be compared.
      hosted: by name, the layers that Keras 3 still computes inside of it, with the reason. They keep their weights and
        train, but no technique compresses them.
      spread: between the original's outputs for two random inputs, in the same terms; a largest difference says little
        where this is as small as the tolerance, as in a network that was never trained. None for an unknown one.
      not_compared: why there is no largest difference, as when the original has dropout at inference.
      task: what the original was compiled for, as `compiled_task` gives it; None for one that is not compiled, or whose
        task is not known.
      no_task: why it is not known, as for a loss of the user's own without a metric.
    """

    model: Any
    origin: str
    largest_difference: float | None
    hosted: Mapping[str, str]
    not_compared: str = ""
    spread: float | None = None
    task: Task | None = None
    no_task: str = ""

    def __str__(self) -> str:
        equality = (
            f"not compared: {self.not_compared}"
            if self.largest_difference is None
            else f"largest relative difference {self.largest_difference:.1e}"
        )
        if self.spread is not None and self.spread < 10 * TOLERANCE:
            equality += f", which says little: its outputs for two inputs are only {self.spread:.1e} apart"
        kept = f"; computed by Keras 3: {', '.join(self.hosted)}" if self.hosted else ""
        return f"{self.origin} as {self.model.name!r}: {equality}{kept}"


def load_model(path_or_model: Any, *, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool = True) -> Any:
    """Makes one functional tf_keras model, ready for every technique here, of any Keras model.

    Nested models are flattened ("backbone_conv1"), shared layers stay shared, and Keras 3's layers and operations
    become tf_keras's. The outputs are compared with the original's on random input. Compilation and optimizer are left
    behind; what the original was compiled for is what `compiled_task` gives of the model.

    Args:
      path_or_model: a .keras or .h5 file of Keras 3 or 2, the folder of a SavedModel that Keras 2 wrote, or a model of
        `keras` or `tf_keras` in memory.
      custom_objects: layers and functions of your own by name, as Keras takes them; `custom_objects_from` collects them
        from a Python file.
      safe_mode: whether a file that holds or names code, in Lambda layers for one, is refused. Defaults to True.

    Returns:
      An uncompiled functional tf_keras model that shares nothing with the original.

    Raises:
      UnreadableModel: when the file is damaged, or no model.
      UnsupportedModel: names the layer that cannot come in, says why and what to do.

    Example:

    >>> import tfcompress as tfc
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="logits")], name="small")
    >>> [layer.name for layer in tfc.load_model(model).layers][-1]
    'logits'
    """
    report = load_with_report(path_or_model, custom_objects=custom_objects, safe_mode=safe_mode)
    remark(str(report))
    if report.no_task:
        remark(f"The task that {report.model.name!r} was compiled for is not known. {report.no_task}")
    return report.model


def load_with_report(
    path_or_model: Any, *, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool = True
) -> LoadReport:
    """Does what `load_model` does, and reports on it: the largest difference, and layers that Keras 3 still computes.

    Args:
      path_or_model: as for `load_model`.
      custom_objects: as for `load_model`.
      safe_mode: as for `load_model`.

    Returns:
      An `LoadReport`.

    Raises:
      UnreadableModel: as `load_model` does.
      UnsupportedModel: as `load_model` does.
    """
    custom_objects = dict(custom_objects or {})
    if isinstance(path_or_model, (str, Path)):
        with without_current_folder():
            facts = find_facts(Path(path_or_model))
            if safe_mode:
                require_safe(facts.config, facts.title, facts.keras_major, custom_objects, facts.training)
            original = open_model(facts, custom_objects, safe_mode)
            report = _arrive(original, facts.title, owned=True)
            return _with_task(report, original, lambda: settings_in(facts, custom_objects, safe_mode))
    origin = f"a model of Keras {_keras_major(path_or_model)} in memory"
    report = _arrive(path_or_model, origin, owned=False)
    return _with_task(report, path_or_model, lambda: settings_of(path_or_model))


def _with_task(report: LoadReport, original: Any, read: Callable[[], CompileSettings | None]) -> LoadReport:
    """The report with what the original was compiled for, which `compiled_task` then knows of the new model."""
    task, reason = None, ""
    try:
        settings = read()
        if settings is not None and not settings.say_nothing:
            task = task_of(settings, *loaded_outputs(original, report.model))
    except InvalidValue as error:
        reason = str(error)
    remember(report.model, task or reason or remembered(original))
    return dataclasses.replace(report, task=task, no_task=reason)


@contextlib.contextmanager
def _paused_collector() -> Iterator[None]:
    """Keeps Python's collector of cycles away: its vain search of TensorFlow's objects takes a third of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _keras_major(model: Any) -> int:
    if isinstance(model, keras.Model):
        return 2
    if isinstance(model, keras3().Model):
        return 3
    raise InvalidValue(
        f"load_model.path_or_model must be a path or a Keras model. Received: a {type(model).__name__}. "
        "Give a .keras or .h5 file."
    )


@_paused_collector()
def _arrive(model: Any, origin: str, owned: bool) -> LoadReport:
    hosted: dict[str, str] = {}
    if _trains_by_itself(model):
        remark(
            f"{model.name} has a train_step of its own, which is not part of what is loaded: the fit of each stage "
            "says how to train (tfcompress.fit makes one of a function)."
        )
    is_keras_2 = _keras_major(model) == 2
    source = _without_a_class_of_its_own(unwrapped(model)) if is_keras_2 else model
    if is_keras_2 and (is_quantization_aware(source) or _is_flat(source)):
        made = source if owned else copy_model(source)
    else:
        graph = functional(source)
        made, hosted = to_tf_keras(trace_model(source) if graph is None else graph, source.name)
    if made is model:
        return LoadReport(made, origin, 0.0, hosted)
    try:
        comparison = compare(caller_of(model), made)
    except Incomparable as reason:
        return LoadReport(made, origin, None, hosted, str(reason))
    tolerance = tolerance_for(model)
    if not comparison.difference <= tolerance:
        raise UnsupportedModel(
            f"load_model: outputs must equal the original's within {tolerance:g} of the largest. Received: a "
            f"difference of {comparison.difference:.2g} for {model.name!r}. {_suspect(comparison.rounding, hosted)}"
        )
    return LoadReport(made, origin, comparison.difference, hosted, spread=comparison.spread)


def _trains_by_itself(model: Any) -> bool:
    """Whether the class of a model, or one that it derives from, has a train_step that is not Keras's."""
    step = getattr(type(model), "train_step", None)
    return getattr(step, "__module__", "keras").split(".")[0] not in ("keras", "tf_keras")


def _without_a_class_of_its_own(model: Any) -> Any:
    """A functional tf_keras model of a class with a train_step, which copies would keep, as one of Keras's class."""
    if not _trains_by_itself(model) or not _is_flat(model):
        return model
    return keras.Model(model._nested_inputs, model._nested_outputs, name=model.name)


def _is_flat(model: Any) -> bool:
    """Whether a tf_keras model is what is wanted already: functional, with no model inside."""
    is_functional = functional(model) is not None and not isinstance(model, keras.Sequential)
    return is_functional and not any(isinstance(layer, keras.Model) for layer in model.layers)


def _suspect(rounding: float | None, hosted: Mapping[str, str]) -> str:
    """What to think of a difference: rounding that the model itself enlarges, or a fault here."""
    if rounding is not None and rounding > TOLERANCE:
        return (
            f"The original's own outputs move by {rounding:.2g} when random input moves by 1e-7, so rounding alone may "
            "explain it. Load a trained model, which is calmer, or report this one."
        )
    where = f" The layers that Keras 3 computes are the first suspects: {', '.join(hosted)}." if hosted else ""
    return f"This is a fault of tfcompress; please report it with the model.{where}"
