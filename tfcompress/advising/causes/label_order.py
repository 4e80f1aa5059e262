"""Classes numbered in another order than the data's: a model that is right, and is counted wrong."""

from __future__ import annotations

from ...core.types import Advice
from ..evidence import Evidence
from .words import percent

GAIN = 0.2  # of accuracy that the order must bring, on examples that it was not found on
SHOWN = 5  # classes


def label_order(evidence: Evidence) -> Advice | None:
    """Names the classes that are others.

    >>> from tfcompress.advising.evidence import Order
    >>> label_order(Evidence(order=Order(0.02, 0.96, (1, 0), 64))).follow
    "renumber the targets by [1, 0][target], or list class_names in the order of the model: class 0 is the data's 1"
    """
    found = evidence.order
    if found is None or found.renumbered < found.accuracy + GAIN or found.renumbered < 2 * found.accuracy:
        return None
    moved = [(number, place) for number, place in enumerate(found.order) if number != place]
    if not moved:
        return None
    named = ", ".join(f"{number} is the data's {place}" for number, place in moved[:SHOWN])
    more = f" and {len(moved) - SHOWN} more" if len(moved) > SHOWN else ""
    targets = [found.order.index(place) for place in range(len(found.order))]
    return Advice(
        "label order",
        f"The labels are in another order than the model's classes: class {named}{more}. Renumbered, "
        f"{percent(found.renumbered)} of the test examples are right instead of {percent(found.accuracy)}.",
        worth=f"accuracy {percent(found.renumbered)} instead of {percent(found.accuracy)}, measured on "
        f"{found.num_examples} examples that the order was not found on",
        follow=f"renumber the targets by {targets}[target], or list class_names in the order of the model: class "
        f"{moved[0][0]} is the data's {moved[0][1]}",
    )
