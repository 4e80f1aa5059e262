"""What a search is, for its journal: a search of other words is another one."""

from __future__ import annotations

from typing import Any

from ..core.describe import describe
from ..core.types import Recipe
from ..running.run import keys_of
from .budget import Budget
from .space import Space
from .trials import Subject


def about(subject: Subject, space: Space, budget: Budget, share: float, seed: int, recipe: Recipe) -> dict[str, Any]:
    """What trials depend on, beside what is chosen.

    Args:
      subject: what is searched.
      space: its settings that may be tried.
      budget: for what files are measured on.
      share: of the training examples that are held out.
      seed: of what is proposed.
      recipe: the scored recipe as it is.
    """
    keys = {stage: key.name for stage, key in keys_of(recipe).items()}
    return {
        "recipe": subject.name,
        "settings": describe(subject.settings),
        "space": space.describe(),
        "seed": seed,
        "kernels": budget.kernels,
        "num_threads": budget.num_threads,
        "validation share": share,
        "code, data or versions": keys,
    }
