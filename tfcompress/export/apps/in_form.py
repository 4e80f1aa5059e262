"""Recurrent layers in the first form of several that a model's layers can have."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from ...core.errors import expect
from ...core.types import Artifact, Exporter
from ..rewrites.recurrent import FORMS, can_be


@dataclasses.dataclass(frozen=True)
class InForm:
    """Writes the file of another exporter with recurrent layers in the first of some forms that they can have.

    A model without recurrent layers is written as it is, which `Int8(recurrent="fused")` alone refuses.

    Args:
      exporter: with a setting `recurrent`: `Int8()`, say.
      forms: of recurrent layers, such as ("fused", "unrolled").

    Raises:
      InvalidValue: for an exporter without that setting, or no known form.

    Example:

    >>> import tfcompress as tfc
    >>> InForm(tfc.Int8(), ("fused", "unrolled")).mode
    'int8'
    """

    exporter: Exporter
    forms: tuple[str, ...]

    def __post_init__(self) -> None:
        expect(hasattr(self.exporter, "recurrent"), self, "exporter", "must have a setting recurrent", "Use Int8().")
        known = bool(self.forms) and set(self.forms) <= set(FORMS)
        expect(known, self, "forms", f"must be some of {FORMS}", "Use ('fused', 'unrolled').")

    @property
    def mode(self) -> str:
        """That of the other exporter: which form the layers get is known when there is a model."""
        return self.exporter.mode

    def convert(self, model: Any, data: Any, path: str | Path) -> Artifact:
        """Writes `path`, whole or not at all. Raises what the other exporter raises."""
        form = next((form for form in self.forms if can_be(model, form)), None)
        chosen: Any = self.exporter if form is None else dataclasses.replace(self.exporter, recurrent=form)  # type: ignore[type-var]
        made: Artifact = chosen.convert(model, data, path)
        return made
