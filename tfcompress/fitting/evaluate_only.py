"""A user's own model as it is: evaluated and not trained, so that later stages can be compared with it."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ..core.contracts import DataWithClassNames, DataWithScalings
from ..core.errors import InvalidValue, NoBetterThanChance, UnsupportedModel, expect
from ..core.types import CLUSTERS, INT8_RANGES, LEVELS, SPARSITY, Data, Promise
from ..data.sampling import batches
from ..models_io.copying import copy_model

if TYPE_CHECKING:
    import numpy as np

BATCH_SIZE = 32
EVERYTHING = frozenset({SPARSITY, CLUSTERS, LEVELS, INT8_RANGES})


@dataclasses.dataclass(frozen=True)
class Unchanged:
    """Leaves the model as it is: a stage of it is measured and exported as any other.

    >>> sorted(Unchanged().keeps), Unchanged().makes
    (['clusters', 'int8 ranges', 'levels', 'sparsity'], frozenset())
    """

    takes: ClassVar[Literal["nothing"]] = "nothing"

    @property
    def makes(self) -> frozenset[str]:
        """Nothing."""
        return frozenset()

    @property
    def keeps(self) -> frozenset[str]:
        """Everything."""
        return EVERYTHING

    def promises(self, model: Any) -> tuple[Promise, ...]:
        """None."""
        return ()

    def apply(self, model: Any) -> Any:
        """Gives a copy of `model`."""
        return copy_model(model)


@dataclasses.dataclass(frozen=True)
class EvaluateOnly:
    """Leaves the model as it is, and makes sure that it fits the data and does not guess.

    A model that gets pixels in another range than it was trained on predicts as if by chance, and all that is then
    measured is noise. Chance is the share of the most frequent class; the model must be above it by two standard
    errors.

    Args:
      num_examples: of the test split that are evaluated, at least 1. Defaults to 512.
      known_scaling: whether the data's scaling is known to be the model's own; if not, the scalings that images may
        have are all tried, and the error names the accuracy of each. Defaults to True.

    Raises:
      InvalidValue: for a value out of range.

    >>> EvaluateOnly(num_examples=100).takes
    'data'
    """

    takes: ClassVar[Literal["data"]] = "data"

    num_examples: int = 512
    known_scaling: bool = True

    def __post_init__(self) -> None:
        expect(self.num_examples >= 1, self, "num_examples", "must be at least 1", "Use 512.")

    @property
    def makes(self) -> frozenset[str]:
        """Nothing."""
        return frozenset()

    @property
    def keeps(self) -> frozenset[str]:
        """Everything."""
        return EVERYTHING

    def promises(self, model: Any) -> tuple[Promise, ...]:
        """None."""
        return ()

    def apply(self, model: Any, data: Data) -> Any:
        """Gives a copy of `model`, once it has been evaluated.

        Raises:
          UnsupportedModel: when its outputs are not (N, classes).
          InvalidValue: when it does not know as many classes as the data has, or when the scaling is not known.
          NoBetterThanChance: when it guesses.
        """
        examples = data.test.head(self.num_examples)
        _require_classes(model, data)
        accuracy = _accuracy(model, data.model_inputs(examples.inputs), examples.labels)
        chance = _chance(examples.labels)
        if self.known_scaling and accuracy > chance:
            return copy_model(model)
        others = _other_scalings(model, data, len(examples))
        best = max(others, key=others.__getitem__, default=None)
        by_scaling = ", ".join(f"{name} {share:.1%}" for name, share in others.items())
        if not self.known_scaling:
            raise InvalidValue(
                "scale must be what the model was trained on, as it has no Rescaling layer. Received: none. "
                f"Accuracy on {len(examples)} images: {by_scaling}. Use --set scale={best}, if that is right."
            )
        hint = (
            f"With other scalings: {by_scaling}. Use --set scale={best}."
            if best is not None and others[best] > chance
            else "Look at the preprocessing (--set scale=...), and at the order of the classes (--set classes=...): "
            f"{_class_order(data)}."
        )
        raise NoBetterThanChance(
            f"The model must do better than chance ({chance:.1%}) before it is compressed. Received: an "
            f"accuracy of {accuracy:.1%} on {len(examples)} examples. {hint}"
        )


def _other_scalings(model: Any, data: Data, num_examples: int) -> dict[str, float]:
    """Accuracy under each scaling that the data can take."""
    if not isinstance(data, DataWithScalings):
        return {}
    shares = {}
    for name in data.scalings:
        scaled = data.with_scaling(name)
        examples = scaled.test.head(num_examples)
        shares[name] = _accuracy(model, scaled.model_inputs(examples.inputs), examples.labels)
    return shares


def _require_classes(model: Any, data: Data) -> None:
    shape = model.output_shape
    if not isinstance(shape, tuple) or len(shape) != 2 or shape[1] is None or shape[1] < 2:
        raise UnsupportedModel(
            f"The model must give one number for each of two classes or more, (N, classes). Received: outputs of shape "
            f"{shape}. Replace a single sigmoid unit by two units with softmax, and train these."
        )
    if shape[1] != data.num_classes:
        raise InvalidValue(
            f"classes must be the model's {shape[1]}. Received: data with {data.num_classes}: {_class_order(data)}. "
            "Give the folder that the model was trained on, or all names in the model's order (--set classes=a,b,...)."
        )


def _class_order(data: Data) -> str:
    names = data.class_names if isinstance(data, DataWithClassNames) else tuple(map(str, range(data.num_classes)))
    return ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")


def _chance(labels: np.ndarray) -> float:
    """The accuracy of always giving the most frequent class, and two standard errors of it."""
    import numpy as np

    share = float(np.bincount(labels).max()) / len(labels)
    return share + 2 * math.sqrt(share * (1 - share) / len(labels))


def _accuracy(model: Any, inputs: np.ndarray, labels: np.ndarray) -> float:
    import numpy as np

    outputs = [model(batch, training=False).numpy() for batch in batches(inputs, BATCH_SIZE)]
    return float(np.mean(np.concatenate(outputs).argmax(-1) == labels))
