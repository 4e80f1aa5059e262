"""What both listings are printed with: standard output, a heading, tables and lines that fit its width."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from .columns import Column, lines
from .values import NOT_ASKED, LayerRow, OperatorRow

PIPED_WIDTH = 100  # columns, where there is no terminal that has its own


def console() -> Console:
    """Standard output: as wide as the terminal, or 100 columns; no escape codes where it is none."""
    found = Console(highlight=False, markup=False, emoji=False)
    has_width = found.is_terminal or "COLUMNS" in os.environ
    return found if has_width else Console(width=PIPED_WIDTH, highlight=False, markup=False, emoji=False)


def head(out: Console, name: str, facts: str) -> None:
    """The file's name, and what there is to say of it beside or below."""
    fits = len(name) + 2 + len(facts) <= out.width
    out.print(Text.assemble((name, "bold"), "  " if fits else "\n", facts), soft_wrap=True)


def print_table(out: Console, columns: Sequence[Column]) -> None:
    """The columns that fit, and an empty line."""
    for line in lines(columns, out.width):
        out.print(line, soft_wrap=True)
    out.print()


def print_wrapped(out: Console, line: str) -> None:
    """A line, broken where it is longer than the page is wide."""
    for part in textwrap.wrap(line, out.width, subsequent_indent="    ", break_long_words=False):
        out.print(part, soft_wrap=True)


def gpu_rank(rows: Sequence[LayerRow] | Sequence[OperatorRow]) -> int:
    """A column of nothing but "not asked" is the first to go; a line below the table says it too."""
    return 9 if all(row.gpu.status == NOT_ASKED for row in rows) else 0
