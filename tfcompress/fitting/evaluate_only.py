"""A user's own model as it is: evaluated and not trained, so that later stages can be compared with it."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, ClassVar, Literal

from ..core.contracts import DataWithClassNames, DataWithScalings
from ..core.errors import InvalidValue, NoBetterThanChance, UnsupportedModel, expect
from ..core.examples.source import Split
from ..core.tasks import metrics
from ..core.tasks.presets import Classification
from ..core.tasks.task import BINARY, LABELS, Output
from ..core.types import CLUSTERS, INT8_RANGES, LEVELS, SPARSITY, Data, Promise
from ..data.sampling import batches
from ..measuring.outputs import output_specs
from ..models_io.copying import copy_model

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
    """Leaves a classifier as it is, and makes sure that it fits the data and does not guess.

    A model that gets pixels in another range than it was trained on predicts as if by chance, and all that is then
    measured is noise. Chance is the accuracy of always giving the most frequent class, for several labels the mean F1
    of always giving all of them; the model must be above it by two standard errors.

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
          UnsupportedModel: when its outputs are not (N, classes), or one number for two classes.
          InvalidValue: when it does not know as many classes as the data has, or when the scaling is not known.
          NoBetterThanChance: when it guesses.
        """
        output = _output(model, data)
        examples = Split(*data.test.batch(range(min(self.num_examples, len(data.test)))))
        figure = "mean F1" if output.kind == LABELS else "accuracy"
        score = _score(model, data, examples, output)
        chance = _chance(examples, output, model.output_shape[1])
        if self.known_scaling and score > chance:
            return copy_model(model)
        others = _other_scalings(model, data, len(examples), output)
        best = max(others, key=others.__getitem__, default=None)
        by_scaling = ", ".join(f"{name} {share:.1%}" for name, share in others.items())
        if not self.known_scaling:
            raise InvalidValue(
                "scale must be what the model was trained on, as it has no Rescaling layer. Received: none. "
                f"{figure[0].upper()}{figure[1:]} on {len(examples)} images: {by_scaling}. Use --set scale={best}, if "
                "that is right."
            )
        hint = (
            f"With other scalings: {by_scaling}. Use --set scale={best}."
            if best is not None and others[best] > chance
            else "Look at the preprocessing (--set scale=...), and at the order of the classes (--set classes=...): "
            f"{_class_order(data)}."
        )
        raise NoBetterThanChance(
            f"The model must do better than chance ({chance:.1%}) before it is compressed. Received: "
            f"{'an' if figure == 'accuracy' else 'a'} {figure} of {score:.1%} on {len(examples)} examples. {hint}"
        )


def _other_scalings(model: Any, data: Data, num_examples: int, output: Output) -> dict[str, float]:
    """How good the model is under each scaling that the data can take."""
    if not isinstance(data, DataWithScalings):
        return {}
    found = {}
    for name in data.scalings:
        scaled = data.with_scaling(name)
        found[name] = _score(model, scaled, Split(*scaled.test.batch(range(num_examples))), output)
    return found


def _output(model: Any, data: Data) -> Output:
    """What the model's output says of the data's classes."""
    task, specs = data.task or Classification(), output_specs(model)
    if not isinstance(task, Classification) or len(specs) != 1 or len(specs[0].shape) != 2 or not specs[0].shape[1]:
        raise UnsupportedModel(
            "EvaluateOnly is for models that give one number for each class, (N, classes), or one for two classes, (N, "
            f"1). Received: outputs of shape {', '.join(str(spec.shape) for spec in specs)} for "
            f"{type(task).__name__}. Use Unchanged() for any other task."
        )
    output, columns = task.output(specs[0]), specs[0].shape[1]
    wanted = 2 if output.kind == BINARY and not task.several_labels else columns
    if wanted != getattr(data, "num_classes", wanted):
        what = f"{wanted}, as one number tells two apart" if wanted != columns else columns
        raise InvalidValue(
            f"classes must be the model's {what}. Received: data with {data.num_classes}: {_class_order(data)}. "
            "Give the folder that the model was trained on, or all names in the model's order (--set classes=a,b,...)."
        )
    return output


def _class_order(data: Data) -> str:
    names = data.class_names if isinstance(data, DataWithClassNames) else tuple(map(str, range(data.num_classes)))
    return ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")


def _chance(examples: Split, output: Output, columns: int) -> float:
    """What the best constant prediction reaches, and two standard errors of it."""
    import numpy as np

    if output.kind == LABELS:
        share = metrics.mean_f1([(examples.targets > 0.5, np.ones(examples.targets.shape, bool))])
    else:
        wanted = output.wanted(examples.targets, np.zeros((len(examples), columns), "float32"))
        share = float(np.bincount(wanted).max()) / len(wanted)
    return share + 2 * math.sqrt(share * (1 - share) / len(examples))


def _score(model: Any, data: Data, examples: Split, output: Output) -> float:
    """Accuracy, or for several labels the mean F1."""
    import numpy as np

    inputs = data.model_inputs(examples.inputs)
    given = np.concatenate([model(batch, training=False).numpy() for batch in batches(inputs, BATCH_SIZE)])
    pairs = output.pairs(examples.targets, given)
    return metrics.mean_f1(pairs) if output.kind == LABELS else metrics.share_equal(pairs, output.ignore)
