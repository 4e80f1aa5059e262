"""Whether labels or inputs are other than the model was trained on: asked of the model itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..core.tasks.task import CLASSES, Output
from .evidence import Order, OtherScale

if TYPE_CHECKING:
    import numpy as np

LEAST_PER_CLASS = 4  # examples: with fewer some order fits by chance
LEAST_EXAMPLES = 32
GAIN = 0.15  # of accuracy: what another scale or order must bring
# What images are multiplied and moved by when two programs do not mean the same by "an image".
CHANGES: tuple[tuple[str, float, float], ...] = (
    ("divided by 255", 1 / 255, 0.0),
    ("multiplied by 255", 255.0, 0.0),
    ("divided by 127.5, minus 1", 1 / 127.5, -1.0),
    ("plus 1, times 127.5", 127.5, 127.5),
    ("times 2, minus 1", 2.0, -1.0),
    ("plus 1, divided by 2", 0.5, 0.5),
)


def order_of(output: Output, targets: np.ndarray, outputs: np.ndarray) -> Order | None:
    """The best way to renumber the model's classes; None where there are too few examples to say.

    The order is found on one half of the examples, and its accuracy measured on the other: to few examples some order
    fits.

    >>> import numpy as np
    >>> targets = np.arange(64) % 4
    >>> found = order_of(Output("logits", CLASSES), targets, np.eye(4)[(targets + 1) % 4])
    >>> found.accuracy, found.renumbered, found.order
    (0.0, 1.0, (3, 0, 1, 2))
    """
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    if output.kind != CLASSES or output.rank != 2:
        return None
    wanted, given = output.wanted(np.asarray(targets), outputs), output.decide(outputs)
    num_classes = outputs.shape[-1]
    if len(wanted) < 2 * LEAST_PER_CLASS * num_classes:
        return None
    drawn = np.random.default_rng(0).permutation(len(wanted))  # examples may be sorted by class
    one, other = drawn[::2], drawn[1::2]
    counts = np.zeros((num_classes, num_classes), int)
    np.add.at(counts, (given[one], wanted[one]), 1)
    counts = 2 * counts + np.eye(num_classes, dtype=int)  # of equals the class stays itself
    _, order = linear_sum_assignment(-counts)
    given, wanted = given[other], wanted[other]
    as_is, renumbered = (float(np.mean(classes == wanted)) for classes in (given, order[given]))
    return Order(as_is, renumbered, tuple(map(int, order)), len(wanted))


def other_scale(
    output: Output, targets: np.ndarray, inputs: np.ndarray, predict: Callable[[np.ndarray], np.ndarray]
) -> OtherScale | None:
    """The change of the inputs with which the model is right most often; None where none is much better.

    Args:
      output: which names classes.
      targets: of the examples.
      inputs: (N, ...), as the model gets them; whole numbers are no such inputs.
      predict: the model.
    """
    import numpy as np

    if output.kind != CLASSES or inputs.dtype.kind != "f" or inputs.ndim < 3 or len(inputs) < LEAST_EXAMPLES:
        return None
    outputs = predict(inputs)
    wanted = output.wanted(np.asarray(targets), outputs)

    def accuracy(found: np.ndarray) -> float:
        return float(np.mean(output.decide(found) == wanted))

    as_given = accuracy(outputs)
    if as_given > 1 - GAIN:
        return None
    tried = [
        (accuracy(predict((inputs * factor + offset).astype(inputs.dtype))), change)
        for change, factor, offset in CHANGES
    ]
    best, change = max(tried)
    return OtherScale(change, best, as_given, len(wanted)) if best >= as_given + GAIN else None
