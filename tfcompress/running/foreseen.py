"""What is known of a model's files before it trains: what TFLite has no operation for, or no integer form of."""

from __future__ import annotations

from typing import Any

from ..backend.conversion import ConverterSettings, converted, missing_operations, require_survival, served_by
from ..core.errors import ConversionFailed
from ..core.remarks import collecting
from ..core.temporaries import in_temporary_folder
from ..core.types import Data, Exporter, Recipe
from ..measuring.measure import leaf_layers, plain_name
from ..measuring.operation_table import mode_in_table, table
from ..models_io.copying import copy_model


def foreseen_float(recipe: Recipe, stage: str, model: Any) -> tuple[str, ...]:
    """A sentence for each integer mode that the stage, or what goes on from it, is exported in.

    Args:
      recipe: with its exports.
      stage: one that builds a model.
      model: what it built.
    """
    layers = {plain_name(layer): type(layer).__name__ for layer in leaf_layers(model)}
    said = []
    for mode in _integer_modes(recipe, stage):
        found = table().surely_float(layers, mode)
        if found:
            named = ", ".join(f"{layer} ({', '.join(operations)})" for layer, operations in found.items())
            said.append(f"in {mode} files these will compute in float, all or in part, as TFLite has no other: {named}")
    return tuple(said)


def require_operations(recipe: Recipe, stage: str, model: Any) -> None:
    """Refuses a model that will be exported and cannot be, as TFLite has no operation for a part of it.

    Models of layers that the table of operations has need no proof; others are converted once, untrained. Where that
    fails, the exporters, which know ways round, have the last word.

    Args:
      recipe: with its exports.
      stage: one that builds a model.
      model: what it built.

    Raises:
      ConversionFailed: names the operations, and the layers that the table does not have.
    """
    known = {"InputLayer", *(label.partition(",")[0] for label in table().rows["layers"])}
    strange = [layer for layer in leaf_layers(model) if type(layer).__name__ not in known]
    exporters = _exporters(recipe, stage)
    if not strange or not exporters:
        return
    try:
        content = converted(served_by(copy_model(model, batch_size=1)), ConverterSettings())
        reason = require_survival(content).refused
    except Exception as error:  # tracing raises classes of the model's own
        reason = str(error) or type(error).__name__
    if not reason:
        return
    missing = missing_operations(reason)
    named = ", ".join(f"{plain_name(layer)} ({type(layer).__name__})" for layer in strange[:4])
    if missing:
        raise ConversionFailed(
            f"Recipe.exports[...] of {stage} must be of a model that TFLite has operations for. Received: one that "
            f"needs {', '.join(missing)}. Write it of other operations before the model is trained; see its "
            f"layers {named}."
        )
    for exporter in exporters:
        _require_converted(exporter, stage, model, recipe.data, named)


def _require_converted(exporter: Exporter, stage: str, model: Any, data: Data, named: str) -> None:
    """Refuses what cannot be written, or cannot run; how close the file of an untrained model is does not count."""
    with in_temporary_folder("foreseen") as folder, collecting():
        try:
            exporter.convert(model, data, folder / "model.tflite")
        except ConversionFailed as error:
            if error.__cause__ is not None:  # what is too far from its model has none
                raise ConversionFailed(
                    f"Recipe.exports[...] of {stage} must be of a model that can be written before it is trained, too. "
                    f"Received: {error} See its layers {named}."
                ) from error


def _integer_modes(recipe: Recipe, stage: str) -> list[str]:
    """The table's names of the modes in which the stage, and those that go on from it, are exported."""
    modes = [mode_in_table(exporter.mode) for exporter in _exporters(recipe, stage)]
    return sorted({mode for mode in modes if mode.startswith("int")})


def _exporters(recipe: Recipe, stage: str) -> list[Exporter]:
    """Those of the stage, and of those that go on from it."""
    going_on, before = {stage}, ""
    for each in recipe.stages:
        start = before if each.start is None else each.start
        if isinstance(start, str) and start in going_on:
            going_on.add(each.name)
        before = each.name
    return [exporter for name in going_on for exporter in recipe.exports.get(name, ())]
