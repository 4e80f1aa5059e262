"""Recurrent layers in every mode: dB of the first call and of the hundredth, without a reset between them.

    python benchmarks/recurrent.py [--rows PATTERN] [--out docs/recurrent_table.md]

Each row is a model of one kind of layer (28 steps of 28 numbers, 32 units, random weights, one seed), each column
a mode. A file runs in ai_edge_litert's interpreter without delegates, one example a call; its outputs are compared with
Keras's over 32 calls, by SQNR centred over the examples. Of a stateful model the states are inputs and outputs, handed
on from call to call, and Keras keeps its own. The fused form is that of `recurrent="fused"`, for microcontrollers,
whose rule is a reset before each call: with it, and without. Writes a page in Markdown.
"""

from __future__ import annotations

import argparse
import fnmatch
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, set_seed, start_quietly
from tfcompress.core.remarks import collecting
from tfcompress.core.tasks.metrics import closeness
from tfcompress.measuring.file_run import FileRun

STEPS, CHANNELS, UNITS = 28, 28, 32
COMPARED, LATER = 32, 100  # calls that are compared, from the first on, and from the hundredth
L = keras.layers


def _masked(layer: Any) -> Callable[[Any], Any]:
    return lambda inputs: layer(L.Masking()(inputs))


LAYERS: dict[str, Callable[[], Any]] = {
    "GRU": lambda: L.GRU(UNITS, name="memory"),
    "LSTM": lambda: L.LSTM(UNITS, name="memory"),
    "SimpleRNN": lambda: L.SimpleRNN(UNITS, name="memory"),
    "Bidirectional LSTM": lambda: L.Bidirectional(L.LSTM(UNITS), name="memory"),
    "Bidirectional GRU": lambda: L.Bidirectional(L.GRU(UNITS), name="memory"),
    "stacked LSTM cells": lambda: L.RNN([L.LSTMCell(UNITS), L.LSTMCell(UNITS)], name="memory"),
    "two LSTM layers": lambda: keras.Sequential([L.LSTM(UNITS, return_sequences=True), L.LSTM(UNITS)]),
    "stateful LSTM": lambda: L.LSTM(UNITS, stateful=True, name="memory"),
    "stateful GRU": lambda: L.GRU(UNITS, stateful=True, name="memory"),
    "masked LSTM": lambda: _masked(L.LSTM(UNITS, name="memory")),
    "masked GRU": lambda: _masked(L.GRU(UNITS, name="memory")),
}
MODES = {
    "float32": tfc.Float32,
    "float16": tfc.Float16,
    "dynamic range": tfc.DynamicRange,
    "int8": tfc.Int8,
    "int16x8": tfc.Int16x8,
}


def model_of(kind: str) -> Any:
    """The model of a row."""
    set_seed(0)
    inputs = keras.Input(batch_shape=(1 if "stateful" in kind else None, STEPS, CHANNELS), name="x")
    return keras.Model(inputs, L.Dense(10, name="out")(LAYERS[kind]()(inputs)))


def examples(kind: str) -> np.ndarray:
    """As many as there are calls; of a masked model some end early."""
    rng = np.random.default_rng(1)
    found = rng.normal(size=(LATER + COMPARED, STEPS, CHANNELS)).astype("float32")
    if "masked" in kind:
        for example, length in zip(found, rng.integers(STEPS // 2, STEPS + 1, len(found)), strict=True):
            example[length:] = 0
    return found


def by_keras(model: Any, inputs: np.ndarray) -> np.ndarray:
    """What the model gives, one call after another."""
    model.reset_states()
    return np.concatenate([model(inputs[number : number + 1]).numpy() for number in range(len(inputs))])


def cell(kind: str, mode: str, model: Any, form: str = "auto") -> dict[str, float]:
    """Bytes of a file, and the dB of its first calls, of later ones, and of later ones with a reset before each.

    Raises:
      ConversionFailed, InvalidValue: where there is no such file.
    """
    inputs = examples(kind)
    data = tfc.dataset(*[(inputs, np.zeros(len(inputs)))] * 2)
    with tempfile.TemporaryDirectory() as folder, collecting():
        artifact = MODES[mode](recurrent=form).convert(model, data, Path(folder) / "model.tflite")
        content = artifact.path.read_bytes()
    exact = by_keras(model, inputs)
    is_stream = "stateful" in kind

    def decibels(first: int, fresh: bool, resets: bool = False) -> float:
        numbers = range(first, first + COMPARED)
        if fresh and not is_stream:  # the first call of an app, for each example
            rows = [run_of(resets).outputs({"x": inputs[number : number + 1]}) for number in numbers]
            found = np.concatenate([next(iter(row.values())) for row in rows])
        else:
            found = next(iter(run_of(resets).outputs({"x": inputs[: first + COMPARED]}).values()))[first:]
        expected = exact[first : first + COMPARED]
        return closeness(expected, found.reshape(expected.shape)).sqnr_db

    def run_of(resets: bool) -> FileRun:
        return FileRun(content, forgets=resets, states=artifact.states)

    found = {"bytes": len(content), "first": decibels(0, fresh=True), "later": decibels(LATER - 1, fresh=False)}
    if artifact.needs_reset and not is_stream:
        found["reset"] = decibels(LATER - 1, fresh=False, resets=True)
    return found


def table(rows: list[str]) -> str:
    """The page: a table of the CPU's form, one of the fused form, and one of bytes."""
    main, fused, sizes = [], [], []
    for kind in rows:
        model, line, size = model_of(kind), [], []
        for mode in MODES:
            found = _tried(kind, mode, model, "auto")
            line.append(found if isinstance(found, str) else f"{found['first']:.1f} / {found['later']:.1f}")
            size.append("-" if isinstance(found, str) else f"{found['bytes']:,}")
        main.append([kind, *line])
        line = []
        for mode in ("float32", "float16", "dynamic range", "int8") if "LSTM" in kind else ():
            found = _tried(kind, mode, model, "fused")
            line.append(found if isinstance(found, str) else f"{_text(found.get('reset'))} / {found['later']:.1f}")
            size.append("-" if isinstance(found, str) else f"{found['bytes']:,}")
        if any(each != "-" for each in line):
            fused.append([kind, *line])
        sizes.append([kind, *size, *["-"] * (9 - len(size))])
        print(kind, main[-1][1:], line, flush=True)
    others = ["float32", "float16", "dynamic range", "int8"]
    return "\n".join(
        [
            "# Recurrent layers, call by call\n",
            f"Written by `python benchmarks/recurrent.py`: {STEPS} steps of {CHANNELS} numbers, {UNITS} units, random "
            f"weights, {COMPARED} calls compared. What the forms are: [recurrent.md](recurrent.md).\n",
            "## The form for CPUs: dB of call 1 / call 100, without a reset\n",
            *_lines(["layer", *MODES], main),
            "\n## The fused form, for microcontrollers: dB of call 100 with a reset before each call / without\n",
            *_lines(["layer", *others], fused),
            "\n## Bytes of the file\n",
            *_lines(["layer", *MODES, *(f"fused {mode}" for mode in others)], sizes),
            "",
        ]
    )


def _tried(kind: str, mode: str, model: Any, form: str) -> dict[str, float] | str:
    try:
        return cell(kind, mode, model, form)
    except tfc.InvalidValue:
        return "-"
    except tfc.ConversionFailed as error:
        print(kind, mode, form, error)
        return "refused"


def _text(decibels: float | None) -> str:
    """A figure; that of a stateful model is without a reset alone, which begins a sequence."""
    return "-" if decibels is None else f"{decibels:.1f}"


def _lines(headings: list[str], rows: list[list[str]]) -> Iterator[str]:
    yield "| " + " | ".join(headings) + " |"
    yield "| " + " | ".join("---" for _ in headings) + " |"
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="*", help="of which layers, a pattern (default: all)")
    parser.add_argument("--out", type=Path, help="a page to write (default: it is printed)")
    options = parser.parse_args()
    start_quietly()
    text = table([kind for kind in LAYERS if fnmatch.fnmatch(kind, options.rows)])
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
