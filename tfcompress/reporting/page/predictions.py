"""How the predictions of each file went: a confusion matrix, figures by class or by label, or the errors of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...running.examples.outcomes import BY_LABEL, CONFUSION, ERRORS
from ..run_folder import RunPage
from .markup import Cell, Chart, Section, choices, count, figure, folded, number, paragraph, percent, significant, table

MOST_DRAWN = 30  # classes of a matrix; of more the most frequent confusions are listed
MOST_CONFUSIONS = 8  # that are shown at once
MOST_LABEL = 28  # characters of a class's name


def predictions(run: RunPage) -> Section | None:
    """A part for each file; None where no predictions were kept."""
    kept = run.details.get("kept") or {}
    outcomes = kept.get("outcomes") or {}
    if not outcomes:
        return None
    charts: list[Chart] = []
    parts = {}
    for place, (variant, by_output) in enumerate(outcomes.items()):
        body = ""
        for position, (output, seen) in enumerate(by_output.items()):
            heading = paragraph(output, "output") if len(by_output) > 1 else ""
            name = f"outcome-{place}-{position}"
            path = ("details", "kept", "outcomes", variant, output)
            what = f"{variant}, {output}"
            body += heading + _one(name, path, what, seen, kept.get("classes", {}).get(output, ()), charts)
        parts[variant] = body
    chosen = next(reversed(parts))
    title = "Predictions by class" if any(_has_classes(each) for each in outcomes.values()) else "Errors of predictions"
    return Section(
        "predictions", title, choices("choose-predictions", "File", parts, chosen), tuple(charts), "Predictions"
    )


def _has_classes(by_output: Mapping[str, Any]) -> bool:
    return any(seen["kind"] in (CONFUSION, BY_LABEL) for seen in by_output.values())


def _one(
    name: str, path: tuple[str, ...], what: str, seen: Mapping[str, Any], classes: Sequence[str], charts: list[Chart]
) -> str:
    if seen["kind"] == CONFUSION:
        return _confusion(name, path, what, seen, classes, charts)
    if seen["kind"] == BY_LABEL:
        return _labels(what, seen, classes)
    if seen["kind"] == ERRORS:
        return _errors(name, path, what, seen, charts)
    return paragraph(f"Not compared: {seen.get('reason', '')}", "soft")


def class_name(place: int, classes: Sequence[str]) -> str:
    """The name of a class, or its number.

    >>> class_name(1, ("cat", "dog")), class_name(7, ())
    ('dog', '7')
    """
    name = classes[place] if place < len(classes) else str(place)
    return name if len(name) <= MOST_LABEL else f"{name[: MOST_LABEL - 1]}…"


def _confusion(
    name: str, path: tuple[str, ...], what: str, seen: Mapping[str, Any], classes: Sequence[str], charts: list[Chart]
) -> str:
    rows = [
        [
            Cell(class_name(each["class"], classes)),
            number(count(each["num"]), each["num"]),
            number(count(each["num_right"]), each["num_right"]),
            _share(each["num_right"], each["num"]),
        ]
        for each in seen["by_class"]
        if each["num"]
    ]
    by_class = table(f"{what}: recall of each class", ("class", "examples", "right", "recall"), rows)
    wrong = [
        [
            Cell(class_name(each["true"], classes)),
            Cell(class_name(each["predicted"], classes)),
            number(count(each["num"]), each["num"]),
        ]
        for each in seen["confusions"]
    ]
    often, seldom = wrong[:MOST_CONFUSIONS], wrong[MOST_CONFUSIONS:]
    headings = ("is", "taken for", "times")
    confused = table(f"{what}: the most frequent confusions", headings, often) if often else ""
    confused += folded("More", table(f"{what}: more confusions", headings, seldom)) if seldom else ""
    right = f"{count(seen['num_right'])} of {count(seen['num_counted'])} are right."
    drawn = ""
    if "matrix" in seen and seen["num_classes"] <= MOST_DRAWN:
        names = [class_name(place, classes) for place in range(seen["num_classes"])]
        title = f"Confusion matrix of {what}: {right}"
        chart = Chart(name, "confusion", title, {"names": names}, path)
        charts.append(chart)
        drawn = figure(chart, note="Rows: what it is. Columns: what it is taken for.")
    lists = f"<div>{by_class}{confused}</div>"
    return paragraph(right) + (f'<div class="pair">{drawn}{lists}</div>' if drawn else lists)


def _share(part: int, whole: int) -> Cell:
    share = part / whole if whole else None
    return number(percent(share), share, share)


def _labels(what: str, seen: Mapping[str, Any], classes: Sequence[str]) -> str:
    rows = [
        [
            Cell(class_name(each["class"], classes)),
            number(count(each["num_right"]), each["num_right"]),
            number(count(each["num_missed"]), each["num_missed"]),
            number(count(each["num_false"]), each["num_false"]),
            _share(each["num_right"], each["num_right"] + each["num_missed"]),
            _share(each["num_right"], each["num_right"] + each["num_false"]),
        ]
        for each in seen["by_label"]
    ]
    headings = ("label", "right", "missed", "false alarms", "recall", "precision")
    return table(f"{what}: each label", headings, rows)


def _errors(name: str, path: tuple[str, ...], what: str, seen: Mapping[str, Any], charts: list[Chart]) -> str:
    mean = seen["mean_absolute_error"]
    counts = seen["histogram"]["counts"]
    title = f"Errors of {what}: mean absolute error {significant(mean)}"
    chart = Chart(name, "errors", title, {}, (*path, "histogram"))
    charts.append(chart)
    edges = seen["histogram"]["edges"]
    bins = [
        [number(significant(edges[place]), edges[place]), number(count(each), each)]
        for place, each in enumerate(counts)
    ]
    numbers = table(f"{what}: predictions less targets", ("from", "how many"), bins)
    note = "What is predicted less what is right; beyond the 1st and the 99th percentile in the outermost bars."
    drawn = figure(chart, numbers, note)
    means = seen["by_output"]
    most = max(means, default=0) or 1
    rows = [[Cell(str(place), place), number(significant(each), each, each / most)] for place, each in enumerate(means)]
    by_output = table(f"{what}: each number of the output", ("number", "mean absolute error"), rows)
    words = paragraph(f"Mean absolute error {significant(mean)}.")
    return words + (f'<div class="pair">{drawn}<div>{by_output}</div></div>' if len(means) > 1 else drawn)
