"""What orders of techniques were measured to destroy: a table that is shipped.

`python benchmarks/combinations.py --out ROWS --write` makes it, and docs/combinations.md with it, of chains of
techniques on one network. It knows the orders that were measured, and nothing of others.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any

from ...core.types import SPARSITY

PATH = Path(__file__).with_name("combinations.json")


@dataclasses.dataclass(frozen=True)
class Order:
    """What was left of a promise after a later step, and of the same promise in an order that keeps it.

    Attributes:
      kind: of the promise: `SPARSITY`, `CLUSTERS`, or another.
      by: the class of the technique that came later.
      chain: the steps that were measured, as the page calls them.
      keeping: the steps that keep it; empty where there are none to compare with.
      promised: share of zeros, or number of values.
      left: the same of the int8 file, mean over the seeds; None where the step refuses such a model.
      zipped_bytes: of the int8 file, mean over the seeds.
      keeping_zipped_bytes: of the file of `keeping`.
      less: the setting in which the later technique asks for less than an earlier one of its class; empty where it
        destroys whatever its settings are, or says itself that it does not keep the promise.
    """

    kind: str
    by: str
    chain: str
    keeping: str = ""
    promised: float = 0.0
    left: float | None = None
    zipped_bytes: int = 0
    keeping_zipped_bytes: int = 0
    less: str = ""

    @property
    def destroys(self) -> bool:
        """Whether what was measured breaks the promise by more than a tenth.

        >>> order = Order("sparsity", "Train", "zeros > training", "zeros", 0.8, 0.01, 110_000, 50_000)
        >>> order.destroys, dataclasses.replace(order, left=0.79).destroys
        (True, False)
        """
        if self.left is None:
            return True
        return self.left < 0.9 * self.promised if self.kind == SPARSITY else self.left > 1.1 * self.promised

    def __str__(self) -> str:
        """What was measured, in a clause.

        >>> print(Order("sparsity", "Train", "zeros > training", "zeros", 0.8, 0.01, 110_000, 50_000))
        zeros > training left 1 % of 80 % zeros and 110,000 zipped bytes; zeros: 50,000
        """
        if self.left is None:
            return f"{self.chain} cannot be done at all"
        if self.kind == SPARSITY:
            left = f"{self.left:.0%} of {self.promised:.0%} zeros".replace("%", " %")
        else:
            left = f"{self.left:,.0f} values where {self.promised:,.0f} were promised"
        return (
            f"{self.chain} left {left} and {self.zipped_bytes:,} zipped bytes; {self.keeping}: "
            f"{self.keeping_zipped_bytes:,}"
        )


@dataclasses.dataclass(frozen=True)
class Combinations:
    """The orders that were measured, the network and the page."""

    network: str
    page: str
    orders: tuple[Order, ...]

    def said_of_loss(self, kinds: Collection[str], by: str) -> str:
        """A sentence about a technique that loses promises of these kinds; names the page where none was measured.

        >>> Combinations("a network", "docs/page.md", ()).said_of_loss({"sparsity"}, "Mine")
        'Orders that were measured: docs/page.md.'
        """
        found = [order for order in self.orders if order.kind in kinds and order.by == by and not order.less]
        return self.sentence(found[0]) if found else f"Orders that were measured: {self.page}."

    def sentence(self, order: Order) -> str:
        """What was measured of an order, and where it stands."""
        return f"Measured on {self.network}: {order} ({self.page})."


@cache
def table() -> Combinations:
    """The table that this version of tfcompress was shipped with."""
    found: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
    orders = tuple(Order(**order) for order in found["orders"])
    return Combinations(found["network"], found["page"], orders)
