"""Which examples the ranges of an integer file are taken from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..core.errors import InvalidValue
from ..core.examples.nests import fitted
from ..core.examples.source import taken
from ..core.tasks.presets import Classification
from ..core.types import Data
from ..data.dataset import as_data
from ..measuring.outputs import input_specs

if TYPE_CHECKING:
    import numpy as np


def to_calibrate(data: Any, exporter: object) -> Data:
    """`data`, or what `dataset` makes data of, to calibrate with. Raises `InvalidValue` where there is none."""
    name = f"{type(exporter).__name__}.convert"
    if data is None:
        raise InvalidValue(f"{name} needs data to calibrate with. Received: None. Give some, or use Float32().")
    return as_data(data, f"{name}.data")


def representative_dataset(
    model: Any, data: Data, num_examples: int, seed: int, labels: np.ndarray | None = None
) -> Iterator[Any]:
    """Examples of the training split to calibrate with, one at a time, drawn at random; of a stream the first ones.

    With `labels` each class has equally many, as far as there are. Several inputs go by name: the file has an order of
    its own.

    Raises:
      InvalidValue: when the examples do not fit the model's inputs.
    """
    specs = input_specs(model)
    drawn = taken(data.train, num_examples, lambda count, most: chosen_examples(count, most, seed, labels))
    for number in range(len(drawn)):
        arrays = fitted(data.model_inputs(drawn.batch([number])[0]), specs)
        yield arrays if len(arrays) == 1 else dict(zip([spec.name for spec in specs], arrays, strict=True))


def class_labels(data: Data) -> np.ndarray | None:
    """The class of each training example, (N,); None where targets are no classes, or not in memory."""
    import numpy as np

    if data.task is not None and not isinstance(data.task, Classification):
        return None
    targets = getattr(data.train, "targets", None)
    if not isinstance(targets, np.ndarray) or targets.dtype.kind not in "iu" or targets.size != len(targets):
        return None
    return targets.reshape(-1)


def chosen_examples(num_all: int, num_examples: int, seed: int, labels: np.ndarray | None = None) -> np.ndarray:
    """The numbers of the examples drawn, shape (at most num_examples,): at random, or with `labels` as many of each.

    The classes then take turns, so that none is more than one ahead while all have examples left.

    >>> import numpy as np
    >>> labels = np.array([0] * 90 + [1] * 10)
    >>> np.bincount(labels[chosen_examples(100, 8, seed=0, labels=labels)]).tolist()
    [4, 4]
    """
    import numpy as np

    order = np.random.default_rng(seed).permutation(num_all)
    if labels is not None:
        shuffled = labels[order]
        turn = np.empty(num_all, int)  # how many of its class were drawn before it
        for label in np.unique(shuffled):
            of_class = np.flatnonzero(shuffled == label)
            turn[of_class] = np.arange(len(of_class))
        order = order[np.argsort(turn, kind="stable")]
    return order[:num_examples]
