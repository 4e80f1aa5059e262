"""From a target to exporters and checks: what `--target` makes of a recipe, and of `compress`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from .core.errors import InvalidValue
from .core.types import Check, Exporter, Recipe
from .measuring.targets.target import Target


def as_target(target: Target | str) -> Target:
    """A target by its name, or as it is. Raises `InvalidValue`."""
    return target if isinstance(target, Target) else Target(target)


def exporters_for(target: Target | str) -> tuple[Exporter, ...]:
    """The exporters of a target's usual file.

    >>> [exporter.mode for exporter in exporters_for("npu")]
    ['int8']
    """
    from .export.int8 import Int8

    return (for_target(Int8(), as_target(target)),)


def checks_for(target: Target | str) -> tuple[Check, ...]:
    """The checks of a target: its rules come last, and run nothing.

    >>> [check.name for check in checks_for("mcu")]
    ['cpu-reference', 'microcontroller', 'target-mcu']
    """
    from .delegates.boards.for_target import ForTarget
    from .delegates.boards.microcontroller import Microcontroller
    from .delegates.boards.vela import Vela
    from .delegates.cpu import CpuBuiltin, CpuCompiledModel, CpuReference, CpuXnnpack
    from .delegates.gpu import GpuDelegate

    kinds: Sequence[Any] = (
        *(CpuBuiltin, CpuCompiledModel, CpuReference, CpuXnnpack, GpuDelegate),
        *(Microcontroller, Vela),
    )
    by_name = {kind.__name__: kind for kind in kinds}
    known = as_target(target)
    return (*(by_name[name]() for name in known.preset.checks), ForTarget(known))


def for_target(exporter: Exporter, target: Target) -> Exporter:
    """An exporter as a target wants it: what wraps it stays, and recurrent layers get the target's form.

    One whose mode the target does not take is replaced by `Int8`.
    """
    from .export.apps.in_form import InForm
    from .export.int8 import Int8

    if isinstance(exporter, InForm) and exporter.forms == target.preset.recurrent and target.takes_mode(exporter.mode):
        return exporter
    inner = getattr(exporter, "exporter", None)
    if isinstance(inner, Exporter):
        return dataclasses.replace(exporter, exporter=for_target(inner, target))  # type: ignore[type-var]
    if not target.takes_mode(exporter.mode):
        exporter = Int8()
    forms = target.preset.recurrent
    if getattr(exporter, "recurrent", None) != "auto" or forms == ("auto",):
        return exporter
    if exporter.mode.startswith("int16"):  # whose loops are laid out whatever is asked for
        return exporter
    return InForm(exporter, forms)


def recipe_for(recipe: Recipe, target: Target | str) -> Recipe:
    """A recipe with the files and the checks of a target: each stage that has files keeps some, each mode once.

    Raises:
      InvalidValue: for an unknown target.
    """
    known = as_target(target)
    exports = {
        stage: tuple({each.mode: each for each in (for_target(one, known) for one in exporters)}.values())
        for stage, exporters in recipe.exports.items()
    }
    return dataclasses.replace(recipe, exports=exports, checks=checks_for(known))


def expect_taken(exporters: Sequence[Exporter], target: Target) -> None:
    """Refuses exporters whose files a target does not take. Raises `InvalidValue`."""
    wrong = [each.mode for each in exporters if not target.takes_mode(each.mode)]
    if wrong:
        modes, why = ", ".join(target.preset.modes), target.preset.why["modes"]
        raise InvalidValue(
            f"compress.exports must be what the target {target.name} takes: {modes}. Received: {wrong[0]}. "
            f"Leave it out: {why}."
        )
