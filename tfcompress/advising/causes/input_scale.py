"""Inputs on another scale than the model, or the file, was made for: pixels up to 255 where it wants 1."""

from __future__ import annotations

from ...core.types import Advice
from ..evidence import Evidence, InputRange
from .words import percent, times

FAR = 8.0  # times the file's range, or below an eighth of it, is another scale and no outlier


def input_scale(evidence: Evidence) -> Advice | None:
    """Says what the model does better with, or which range the file takes.

    >>> from tfcompress.advising.evidence import OtherScale
    >>> input_scale(Evidence(other_scale=OtherScale("divided by 255", 0.97, 0.11, 128))).worth
    'accuracy 97 % instead of 11 %, measured on 128 examples'
    """
    other = evidence.other_scale
    if other is not None:
        return Advice(
            "input scale",
            f"The inputs are on another scale than the model was trained on: with inputs {other.change} it is right on "
            f"{percent(other.accuracy)} of the test examples, and on {percent(other.as_given)} as they are.",
            worth=f"accuracy {percent(other.accuracy)} instead of {percent(other.as_given)}, measured on "
            f"{other.num_examples} examples",
            follow=f"give the data with inputs {other.change}: its scale and offset, or a Rescaling layer less or more",
        )
    wrong = next((each for each in evidence.inputs if _ratio(each) >= FAR or 0 < _ratio(each) <= 1 / FAR), None)
    if wrong is None or wrong.low is None or wrong.high is None:
        return None
    ratio = _ratio(wrong)
    size = f"{times(ratio)} as large" if ratio > 1 else f"{times(1 / ratio)} smaller"
    return Advice(
        "input scale",
        f"The inputs are on another scale than the file was calibrated with: {wrong.name!r} takes {wrong.low:.4g} to "
        f"{wrong.high:.4g}, and the test examples go from {wrong.least:.4g} to {wrong.largest:.4g}, {size}.",
        layer=wrong.name,
        follow="scale the inputs as the training examples were, or calibrate with examples scaled as these",
    )


def _ratio(given: InputRange) -> float:
    """The test examples' largest magnitude over the file's; 1 where the file takes floats."""
    if given.low is None or given.high is None:
        return 1.0
    most = max(abs(given.low), abs(given.high))
    return max(abs(given.least), abs(given.largest)) / most if most else 1.0
