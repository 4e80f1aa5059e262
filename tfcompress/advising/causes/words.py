"""How figures read in advice."""

from __future__ import annotations

from ..evidence import Evidence, Rounded


def percent(share: float) -> str:
    """A share in percent, with one digit where it is small.

    >>> percent(0.312), percent(0.0123)
    ('31 %', '1.2 %')
    """
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.1f} %"


def in_decibels(evidence: Evidence, rounded: Rounded) -> str:
    """What one tensor does to the predictions.

    >>> evidence = Evidence(predictions_db=11.0, num_examples=32)
    >>> in_decibels(evidence, Rounded("a", "Conv2D", "CONV_2D", predictions_db=12.0))
    "makes 79 % of the file's noise (predictions at 11.0 dB, 12.0 dB with this alone rounded)"
    """
    share = percent(min(1.0, evidence.share_of(rounded)))
    return (
        f"makes {share} of the file's noise (predictions at {evidence.predictions_db:.1f} dB, "
        f"{rounded.predictions_db:.1f} dB with this alone rounded)"
    )


def estimated(evidence: Evidence, rounded: Rounded) -> str:
    """What the predictions would be without its noise.

    >>> worst, other = (Rounded("a", "Conv2D", "CONV_2D", predictions_db=db) for db in (12.0, 31.0))
    >>> estimated(Evidence(predictions_db=11.0, rounded=(worst, other)), worst)
    'predictions at some 31 dB instead of 11.0, estimated from the noise of the others'
    """
    return (
        f"predictions at some {evidence.without(rounded):.0f} dB instead of {evidence.predictions_db:.1f}, estimated "
        "from the noise of the others"
    )


def times(ratio: float) -> str:
    """How many times.

    >>> times(48.3), times(3.21)
    ('48 times', '3.2 times')
    """
    return f"{ratio:.0f} times" if ratio >= 10 else f"{ratio:.1f} times"
