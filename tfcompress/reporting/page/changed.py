"""The examples that a file predicts otherwise than the first file: each drawn, with both predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...running.examples.described import PICTURE, RECORDING, SERIES, TEXT
from ...running.examples.outcomes import BY_LABEL, CONFUSION
from ..run_folder import RunPage
from . import media
from .markup import Section, choices, paragraph, percent, significant, text
from .predictions import class_name

if TYPE_CHECKING:
    import numpy as np

KEYS = {"target": "right", "before": "before", "after": "now"}  # what is kept of an example, and its name here
LEAST_OF_A_LINE = 4  # numbers that a prediction is drawn as a line of
MOST_INPUTS = 12  # numbers of an input that are written
MEDIA_BYTES = 1_500_000  # of all images and recordings of a page
MOST_NUMBERS = 6  # of a prediction that are written
# How far apart two predictions are, as running/examples/changed.py measures it.
OF_CLASSES = "half of all differences in probability, and 1 more where the class is another"
OF_LABELS = "the mean difference in probability of a label, and the share of labels that are decided otherwise"
OF_NUMBERS = "the root mean square of the differences, over the deviation of all predictions"
CHANGES = {CONFUSION: OF_CLASSES, BY_LABEL: OF_LABELS}


def changed(run: RunPage) -> Section | None:
    """Cards for each file but for the first; None where nothing is known."""
    kept = run.details.get("kept") or {}
    found = kept.get("changed") or {}
    if not found:
        return None
    shown = _Shown(run, kept)
    kind = "cards wide" if any(each.get("kind") == TEXT for each in kept.get("inputs", ())) else "cards"
    parts = {
        variant: f'<div class="{kind}">{"".join(map(shown.card, rows))}</div>'
        if rows
        else paragraph("It predicts the same for every example of the test split.")
        for variant, rows in found.items()
    }
    reference = kept.get("reference", "the first file")
    smallest = min(run.report.files, key=lambda file: file.zipped_bytes).variant
    chosen = smallest if smallest in parts else next(reversed(parts))
    note = f"Examples of the test split whose prediction is furthest from that of {reference}, the furthest first. "
    by_output: dict[str, Any] = {}
    for seen in kept.get("outcomes", {}).values():
        by_output |= seen
    note += change_words({name: each["kind"] for name, each in by_output.items()})
    body = paragraph(note, "soft") + choices("choose-changed", "File", parts, chosen)
    return Section("changed", "Where predictions changed most", body, short="Changed", media=shown.media)


def change_words(kinds: Mapping[str, str]) -> str:
    """What a change is, by what the outputs give.

    Args:
      kinds: of each output's outcome (`running/examples/outcomes.py`), by its name.

    >>> change_words({"y": "errors"})
    'The change: the root mean square of the differences, over the deviation of all predictions.'
    """
    outputs: dict[str, list[str]] = {}
    for name, kind in kinds.items():
        outputs.setdefault(CHANGES.get(kind, OF_NUMBERS), []).append(name)
    if len(outputs) < 2:
        return f"The change: {next(iter(outputs), OF_NUMBERS)}."
    parts = "; ".join(f"of {', '.join(names)}, {words}" for words, names in outputs.items())
    return f"The change is the mean over the outputs: {parts}."


class _Shown:
    """The kept inputs, each drawn once however many files changed it."""

    def __init__(self, run: RunPage, kept: Mapping[str, Any]):
        self.classes = kept.get("classes", {})
        self.inputs = kept.get("inputs", ())
        self.kept = {number: place for place, number in enumerate(kept.get("examples", ()))}
        self.described = {number: place for place, number in enumerate(kept.get("described", ()))}
        self.arrays = {each["array"]: run.array(each["array"]) for each in self.inputs if each.get("array")}
        clips = kept.get("clips")
        self.rate = clips["sample_rate"] if clips else 0
        self.clips = run.array(clips["array"]) if clips else None
        self.media: dict[str, str] = {}
        self._drawn: dict[int, str] = {}

    def card(self, row: Mapping[str, Any]) -> str:
        """An example, and what was and is predicted."""
        number = row["example"]
        if number not in self._drawn:
            inputs = enumerate(self.inputs)
            self._drawn[number] = "".join(self._input(each, number, f"{number}-{place}") for place, each in inputs)
        predictions = {kind: row.get(key, {}) for key, kind in KEYS.items()}
        other = _other(predictions)
        predictions = {
            kind: {name: seen for name, seen in each.items() if name in other} for kind, each in predictions.items()
        }
        predicted = _curves(predictions)
        if not predicted:
            rows = "".join(_line(kind, each, self.classes) for kind, each in predictions.items())
            predicted = f"<dl>{rows}</dl>"
        return (
            f'<article class="card">{self._drawn[number]}{predicted}'
            f'<p class="soft">example {number:,}, changed by {significant(row["change"])}</p></article>'
        )

    def _input(self, says: Mapping[str, Any], number: int, key: str) -> str:
        name = says["name"] if len(self.inputs) > 1 else "input"
        if says["kind"] == TEXT and number in self.described:
            return f'<p class="words">{text(says["texts"][self.described[number]])}</p>'
        array, place = self.arrays.get(says.get("array")), self.kept.get(number)
        if array is None or place is None:
            return f'<p class="soft">{text(name)} {text(says["shape"])}, not kept</p>'
        label = text(f"{name} of example {number}")
        return self._look(says, array[place], label, key) + self._sound(says, array[place], place, key)

    def _look(self, says: Mapping[str, Any], values: np.ndarray, label: str, key: str) -> str:
        """An input to look at."""
        if says["kind"] == PICTURE:
            return self._once(f"look-{key}", media.picture(values), f'<img alt="{label}"')
        if says["kind"] == RECORDING and says["is_spectrogram"]:
            tag = f'<img class="wide" alt="spectrogram, {label}"'
            return self._once(f"look-{key}", media.spectrogram(values), tag)
        if says["kind"] in (SERIES, RECORDING):
            return media.line(values)
        numbers = values.reshape(-1)
        more = " …" if len(numbers) > MOST_INPUTS else ""
        words = " ".join(significant(float(each)) for each in numbers[:MOST_INPUTS])
        return f'<p class="words">{text(words)}{more}</p>'

    def _sound(self, says: Mapping[str, Any], values: np.ndarray, place: int, key: str) -> str:
        """A recording to hear: the clip behind a spectrogram, or an input that is sound."""
        import numpy as np

        if says["kind"] != RECORDING:
            return ""
        if not says["is_spectrogram"]:
            samples = (np.asarray(values, "float64").reshape(-1).clip(-1, 1) * 32767).astype("int16")
            return self._player(media.recording(samples, says["sample_rate"]), key)
        if self.clips is None or place >= len(self.clips):
            return ""
        return self._player(media.recording(self.clips[place], self.rate), key)

    def _player(self, address: str, key: str) -> str:
        tag = '<audio controls preload="none"'
        return self._once(f"sound-{key}", address, tag) + ("</audio>" if f"sound-{key}" in self.media else "")

    def _once(self, name: str, address: str, tag: str) -> str:
        """An element that shows what is kept once; words in its place where the page would grow too large."""
        if sum(map(len, self.media.values())) + len(address) > MEDIA_BYTES:
            return '<p class="soft">left out: the page would grow too large</p>'
        self.media[name] = address
        return f'{tag} data-from="{name}">'


def _other(predictions: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """The outputs of which something else is predicted now; all where there is none."""

    def named(seen: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in seen.items() if name != "probability"}

    now = predictions["now"]
    found = {name for name, seen in predictions["before"].items() if named(seen) != named(now.get(name, {}))}
    return found or set(now)


def _curves(predictions: Mapping[str, Mapping[str, Any]]) -> str:
    """Predictions of one output that are several numbers, as lines; empty for others."""
    numbers = {
        kind: next(iter(each.values())).get("numbers", [])
        for kind, each in predictions.items()
        if len(each) == 1 and "numbers" in next(iter(each.values()))
    }
    series = {kind: values for kind, values in numbers.items() if len(values) >= LEAST_OF_A_LINE}
    if len(series) < 2:
        return ""
    keys = " ".join(f'<span class="nowrap"><span class="key {kind}"></span>{kind}</span>' for kind in series)
    return f'<div class="curves">{media.lines(series)}</div><p class="soft">{keys}</p>'


def _line(kind: str, predictions: Mapping[str, Any], classes: Mapping[str, Sequence[str]]) -> str:
    """A prediction in words, for each output that says something."""
    parts = [
        (f"{output}: " if len(predictions) > 1 else "") + prediction_words(each, classes.get(output, ()))
        for output, each in predictions.items()
        if each
    ]
    if not parts:
        return ""
    return f'<div class="{kind}"><dt>{kind}</dt><dd>{text("; ".join(parts))}</dd></div>'


def prediction_words(prediction: Mapping[str, Any], classes: Sequence[str]) -> str:
    """A prediction or a target in words.

    >>> prediction_words({"class": 1, "probability": 0.875}, ("cat", "dog")), prediction_words({"numbers": [0.5]}, ())
    ('dog 87.5%', '0.5')
    """
    if "class" in prediction:
        share = prediction.get("probability")
        return class_name(prediction["class"], classes) + ("" if share is None else f" {percent(share)}")
    numbers = prediction.get("numbers", prediction.get("classes", ()))
    words = [
        significant(each) if "numbers" in prediction else class_name(each, classes) for each in numbers[:MOST_NUMBERS]
    ]
    if not words:
        return "too many numbers to tell"
    return " ".join(words) + (" …" if len(numbers) > MOST_NUMBERS else "")
