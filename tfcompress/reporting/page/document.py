"""The whole page: its parts in their order, its style and script, and the library that draws, all in one file."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from ... import __version__
from ..run_folder import RunPage
from . import changed, checks, made, network, predictions, several, summary, tradeoffs, training, waterfall, weights
from .markup import Section, paragraph, text

ASSETS = Path(__file__).parent.parent / "assets"
MARK = "<!-- A page of tfcompress report. -->"  # by which a page is known as one that may be written anew
# Nothing may be loaded from anywhere: not even a mistake in the page makes a request.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; media-src data:"


def page_of(runs: Sequence[RunPage]) -> str:
    """The page of a run, or of several beside each other: HTML that needs nothing else.

    Args:
      runs: one at least.
    """
    header, parts = _one(runs[0]) if len(runs) == 1 else _several(runs)
    sections = [section for section in parts if section is not None]
    title = runs[0].report.recipe if len(runs) == 1 else f"{len(runs)} runs"
    links = "".join(f'<li><a href="#{each.name}">{text(each.short or each.title)}</a></li>' for each in sections)
    body = "".join(
        f'<section id="{each.name}" aria-labelledby="h-{each.name}"><h2 id="h-{each.name}">{text(each.title)}</h2>'
        f"{each.body}</section>"
        for each in sections
    )
    charts = {
        chart.name: {"kind": chart.kind, "path": list(chart.path), **chart.spec}
        for each in sections
        for chart in each.charts
    }
    media = {name: address for each in sections for name, address in each.media.items()}
    reports = [run.value for run in runs]
    return "".join(
        (
            f'<!doctype html>\n{MARK}\n<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{text(title)} · tfcompress</title><style>{_asset('page.css')}</style></head><body>",
            '<a class="skip" href="#main">To the content</a>',
            f'<nav aria-label="Sections"><ul>{links}</ul><button type="button" id="theme" hidden>Dark</button></nav>',
            f'<main id="main">{header}{body}</main>',
            f"<footer>{paragraph(f'tfcompress {__version__}. Drawn with D3 and Observable Plot.')}",
            '<details><summary>Their licences</summary><pre tabindex="0">',
            f"{text(_asset('licenses.txt'))}</pre></details></footer>",
            f'<script type="application/json" id="reports">{_json(reports)}</script>',
            f'<script type="application/json" id="charts">{_json(charts)}</script>',
            f'<script type="application/json" id="media">{_json(media)}</script>',
            f"<script>{_library()}</script><script>{_asset('page.js')}</script></body></html>\n",
        )
    )


def _one(run: RunPage) -> tuple[str, list[Section | None]]:
    head = summary.header(run) + summary.missing(run)
    return head, [
        summary.advice(run),
        summary.main_table(run),
        tradeoffs.tradeoffs([run]),
        waterfall.waterfall(run),
        network.network(run),
        weights.weights(run),
        predictions.predictions(run),
        changed.changed(run),
        training.training(run),
        checks.checks(run),
        checks.latency(run),
        made.made(run),
    ]


def _several(runs: Sequence[RunPage]) -> tuple[str, list[Section | None]]:
    return several.several_header(runs), [
        several.files_of_all(runs),
        tradeoffs.tradeoffs(runs),
        several.settings_of_all(runs),
    ]


def _json(value: Any) -> str:
    """JSON that may stand in a script element; what is no finite number is null."""
    return json.dumps(_finite(value), separators=(",", ":")).replace("<", "\\u003c")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@cache
def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


@cache
def _library() -> str:
    """D3 and Observable Plot, kept compressed."""
    return gzip.decompress((ASSETS / "plot.js.gz").read_bytes()).decode("utf-8")
