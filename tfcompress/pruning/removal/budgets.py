"""What channel pruning is to reach: at most so many multiply-accumulates, parameters, bytes, or milliseconds."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from ...core.errors import NothingHappened, UnsupportedModel, expect
from ...core.types import Check, Exporter

if TYPE_CHECKING:
    from .candidates import Candidate


@runtime_checkable
class ChannelTarget(Protocol):
    """A cost and its limit; `trials` candidates are tried to find the largest model within it."""

    @property
    def unit(self) -> str:
        """What is counted."""

    @property
    def trials(self) -> int:
        """Halvings of the search."""

    @property
    def needs_data(self) -> bool:
        """Whether costs are measured on files, which are calibrated and run on data."""

    def cost(self, candidate: Candidate) -> float:
        """What a candidate costs."""

    def limit(self, whole: float) -> float:
        """The most that may be left of a model that costs `whole`."""


@dataclasses.dataclass(frozen=True)
class _Share:
    """A share of what the whole model costs, counted from the graph."""

    at_most: float = 0.5

    def __post_init__(self) -> None:
        expect(0 < self.at_most < 1, self, "at_most", "must be in (0, 1)", "Use 0.5 to halve them.")

    @property
    def trials(self) -> int:
        """Counting takes no time."""
        return 24

    @property
    def needs_data(self) -> bool:
        """No."""
        return False

    def limit(self, whole: float) -> float:
        """A share of the whole."""
        return self.at_most * whole


@dataclasses.dataclass(frozen=True)
class MacsTarget(_Share):
    """At most this share of the model's multiply-accumulates.

    Args:
      at_most: in (0, 1). Defaults to 0.5.

    >>> MacsTarget(at_most=0.25).limit(whole=1_000_000)
    250000.0
    """

    @property
    def unit(self) -> str:
        """Multiply-accumulates."""
        return "multiply-accumulates"

    def cost(self, candidate: Candidate) -> float:
        """Multiply-accumulates of one example."""
        return candidate.num_macs


@dataclasses.dataclass(frozen=True)
class ParametersTarget(_Share):
    """At most this share of the model's parameters.

    Args:
      at_most: in (0, 1). Defaults to 0.5.

    >>> ParametersTarget(at_most=0.25).limit(whole=136_874)
    34218.5
    """

    @property
    def unit(self) -> str:
        """Parameters."""
        return "parameters"

    def cost(self, candidate: Candidate) -> float:
        """All weights."""
        return candidate.num_parameters


@dataclasses.dataclass(frozen=True)
class FileBytesTarget:
    """At most so many bytes in the exported file, which is written for each candidate.

    Args:
      exporter: how the file is written, `Int8()` for instance.
      max_bytes: the most that it may have, at least 1.
      trials: candidates that are tried, at least 1. Defaults to 8.
    """

    exporter: Exporter
    max_bytes: int
    trials: int = 8

    def __post_init__(self) -> None:
        expect(self.max_bytes >= 1, self, "max_bytes", "must be at least 1", "Use 100_000.")
        expect(self.trials >= 1, self, "trials", "must be at least 1", "Use 8.")

    @property
    def unit(self) -> str:
        """Bytes of the file."""
        return f"bytes of the {self.exporter.mode} file"

    @property
    def needs_data(self) -> bool:
        """Yes: files are written."""
        return True

    def cost(self, candidate: Candidate) -> float:
        """The size of the candidate's file."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "candidate.tflite"
            return self.exporter.convert(candidate.model, candidate.plan.data, path).raw_bytes

    def limit(self, whole: float) -> float:
        """The number that was given."""
        return self.max_bytes


@dataclasses.dataclass(frozen=True)
class LatencyTarget:
    """At most this share of the latency of the exported file, which is written and run for each candidate.

    Args:
      exporter: how the file is written.
      check: what runs it and measures latency, `CpuXnnpack()` for instance.
      at_most: share of the whole model's median latency on this machine, in (0, 1). Defaults to 0.5.
      trials: candidates that are tried, at least 1. Defaults to 6.
    """

    exporter: Exporter
    check: Check
    at_most: float = 0.5
    trials: int = 6

    def __post_init__(self) -> None:
        expect(0 < self.at_most < 1, self, "at_most", "must be in (0, 1)", "Use 0.5 to halve it.")
        expect(self.trials >= 1, self, "trials", "must be at least 1", "Use 6.")

    @property
    def unit(self) -> str:
        """Milliseconds."""
        return f"ms of the {self.exporter.mode} file on {self.check.name}"

    @property
    def needs_data(self) -> bool:
        """Yes: files are written."""
        return True

    def cost(self, candidate: Candidate) -> float:
        """The median latency of the candidate's file."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "candidate.tflite"
            artifact = self.exporter.convert(candidate.model, candidate.plan.data, path)
            finding = self.check.run(artifact, candidate.plan.data, {})
        if finding.latency is None:
            raise NothingHappened(
                f"LatencyTarget.check expects a check that measures latency. Received: {finding.check}, which did not: "
                f"{finding.reason or finding.status}. Use CpuXnnpack()."
            )
        return finding.latency.median_ms

    def limit(self, whole: float) -> float:
        """A share of the whole."""
        return self.at_most * whole


def largest_within(
    target: ChannelTarget, whole: float, limit: float, candidate: Callable[[float], Candidate]
) -> Candidate:
    """The candidate of the smallest share of channels removed whose cost is within `limit`, by halving.

    Args:
      target: the cost.
      whole: what the model costs as it is.
      limit: the most that may be left.
      candidate: the model without a share of its channels, from 0 to 1.

    Raises:
      NothingHappened: when the model is within the limit as it is.
      UnsupportedModel: when no candidate is, with the least that is possible.
    """
    if whole <= limit:
        raise NothingHappened(
            f"PruneChannels.target expects a larger model. Received: one of {whole:,.6g} {target.unit}, which is "
            f"within {limit:,.6g} as it is. Ask for less."
        )
    found = candidate(1.0)
    least = target.cost(found)
    if least > limit:
        raise _unreachable(target, whole, limit, least)
    low, high = 0.0, 1.0
    for _ in range(target.trials):
        middle = (low + high) / 2
        tried = candidate(middle)
        if target.cost(tried) <= limit:
            high, found = middle, tried
        else:
            low = middle
    return found


def _unreachable(target: ChannelTarget, whole: float, limit: float, least: float) -> UnsupportedModel:
    """The error for a limit below what is left when all goes that may go."""
    return UnsupportedModel(
        f"PruneChannels.target must be reachable: at most {limit:,.6g} {target.unit} of {whole:,.6g}. Received: "
        f"a model of which the least possible is {least:,.6g}. Ask for that, keep fewer layers, or lower minimum and "
        "round_to."
    )
