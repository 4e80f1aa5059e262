"""Which examples a file predicts otherwise than a reference: how far apart two predictions are, and the most so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...core.tasks.metrics import parts
from ...core.tasks.task import CLASSES, VALUES, Output

if TYPE_CHECKING:
    import numpy as np

MOST_NUMBERS = 64  # of a prediction of numbers that is kept in full


def distances(output: Output, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """How far apart two predictions are, for each example (N,): 0 for equal ones.

    Of classes and labels: half the sum of the differences between their probabilities, from 0 to 1, and 1 more where
    the predicted class is another; the mean over pixels or words. Of numbers: the root mean square of the differences,
    over the deviation of `before`.

    >>> import numpy as np
    >>> distances(Output("y", "classes"), np.array([[0.0, 9], [0, 9]]), np.array([[0.0, 9], [9, 0]])).round(2)
    array([0., 2.])
    """
    import numpy as np

    spread = float(np.std(before)) or 1.0
    found = []
    for first, second in parts(before, after):
        if output.kind == VALUES:
            apart = np.sqrt(((second.astype("float64") - first) ** 2).reshape(len(first), -1).mean(-1)) / spread
        else:
            change = abs(probabilities(output, first) - probabilities(output, second))
            change = change.sum(-1) / 2 if output.kind == CLASSES else change
            other = (output.decide(first) != output.decide(second)).reshape(len(first), -1).mean(-1)
            apart = change.reshape(len(first), -1).mean(-1) + other
        found.append(apart)
    return np.concatenate(found)


def probabilities(output: Output, given: np.ndarray) -> np.ndarray:
    """What an output of classes or labels gives, as probabilities of the same shape.

    >>> import numpy as np
    >>> probabilities(Output("y", "classes"), np.array([[0.0, 0.0]])).tolist()
    [[0.5, 0.5]]
    """
    import numpy as np

    numbers = given.astype("float64")
    if not output.from_logits:
        return numbers
    if output.kind != CLASSES:
        positive: np.ndarray = 1 / (1 + np.exp(-numbers.clip(-500, 500)))
        return positive
    raised = np.exp(numbers - numbers.max(-1, keepdims=True))
    shares: np.ndarray = raised / raised.sum(-1, keepdims=True)
    return shares


def most_changed(
    outputs: Sequence[Output], before: Mapping[str, np.ndarray], after: Mapping[str, np.ndarray], count: int
) -> list[tuple[int, float]]:
    """The examples whose predictions are furthest apart, and by how much; those that are equal are none of them."""
    import numpy as np

    apart = np.mean([distances(each, before[each.name], after[each.name]) for each in outputs], axis=0)
    order = np.argsort(-apart, kind="stable")[:count]
    return [(int(number), float(apart[number])) for number in order if apart[number] > 0]


def described(output: Output, given: np.ndarray) -> dict[str, Any]:
    """One example's prediction, (...), as JSON: a class and its probability, or the numbers where they are few."""
    import numpy as np

    row = np.asarray(given)[None]
    if output.kind == VALUES:
        numbers = row.reshape(-1)
        return {"numbers": [float(number) for number in numbers] if len(numbers) <= MOST_NUMBERS else []}
    named = output.decide(row)
    if named.size != 1:
        return {"classes": named.reshape(-1).astype(int).tolist() if named.size <= MOST_NUMBERS else []}
    shares = probabilities(output, row).reshape(-1)
    number = int(named.reshape(-1)[0])
    share = shares[number] if output.kind == CLASSES else shares[0] if number else 1 - shares[0]
    return {"class": number, "probability": float(share)}
