"""Which loss, metrics and weight belong to which output: `compile` takes them alone, in lists, or by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from ...core.errors import InvalidValue
from ...core.tasks.task import OutputSpec
from .compile_settings import CompileSettings

ADVICE = "Say task=Classification(), Regression(), ByOutput(...), or Task(loss=..., metrics=[...])."


@dataclasses.dataclass(frozen=True)
class Compiled:
    """An output, and what `compile` says of it."""

    spec: OutputSpec
    loss: Any
    metrics: tuple[Any, ...]
    weight: float | None


def by_output(
    settings: CompileSettings, specs: Sequence[OutputSpec], other_names: Sequence[Sequence[str]]
) -> list[Compiled]:
    """What `compile` says, by output.

    Args:
      settings: what it was given.
      specs: the outputs.
      other_names: of each output, by which dictionaries may go too: those of the layers of the model that was compiled.

    Raises:
      InvalidValue: for a form that leaves open what belongs to which output.
    """
    names = [{spec.name, *others} for spec, others in zip(specs, other_names, strict=True)]
    losses = _losses(settings, names)
    metrics, weighted = (_metrics(settings, asked, names) for asked in (settings.metrics, settings.weighted_metrics))
    weights = _in_order(settings.loss_weights, names, "loss_weights")
    return [Compiled(spec, losses[n], (*metrics[n], *weighted[n]), weights[n]) for n, spec in enumerate(specs)]


def _losses(settings: CompileSettings, names: Sequence[set[str]]) -> list[Any]:
    loss = settings.loss
    if isinstance(loss, Mapping | list | tuple):
        return _in_order(loss, names, "loss")
    if len(names) > 1 and settings.major == 3 and loss is not None and not isinstance(loss, str):
        raise InvalidValue(
            f"compile.loss must be given by output, as Keras 3 gives one loss all {len(names)} outputs at once. "
            f"Received: {named(loss)}. {ADVICE}"
        )
    return [loss] * len(names)


def _metrics(settings: CompileSettings, asked: Any, names: Sequence[set[str]]) -> list[tuple[Any, ...]]:
    if not asked:
        return [()] * len(names)
    if len(names) == 1:
        return [tuple(_flat(asked))]
    is_plain = not isinstance(asked, Mapping) and not any(isinstance(each, list | tuple | Mapping) for each in asked)
    if is_plain and settings.major == 2:  # tf_keras has each of them for each output
        return [tuple(asked)] * len(names)
    return [tuple(_flat(each)) for each in _in_order(asked, names, "metrics")]


def _flat(value: Any) -> list[Any]:
    """What is in a value, a list or a dictionary, without those that are None."""
    if isinstance(value, Mapping):
        return [item for member in value.values() for item in _flat(member)]
    if isinstance(value, list | tuple):
        return [item for member in value for item in _flat(member)]
    return [] if value is None else [value]


def _in_order(value: Any, names: Sequence[set[str]], what: str) -> list[Any]:
    """One value for each output, of a list or a dictionary of them; None where there is none."""
    if value is None:
        return [None] * len(names)
    if isinstance(value, Mapping):
        known = set().union(*names)
        unknown = [key for key in value if key not in known]
        if not unknown:
            return [next((value[name] for name in own if name in value), None) for own in names]
        received = f"the name {unknown[0]!r}, where the outputs are {', '.join(sorted(known))}"
    else:
        listed = list(value) if isinstance(value, list | tuple) else [value]
        if len(listed) == len(names):
            return listed
        received = f"{len(listed)} for {len(names)} outputs"
    raise InvalidValue(f"compile.{what} must be one for each output. Received: {received}. {ADVICE}")


def named(value: Any) -> str:
    """What a loss or a metric is called."""
    return str(value if isinstance(value, str) else getattr(value, "__name__", None) or type(value).__name__)
