"""Quantization-aware training of layers that tfmot does not know, on real data, down to the int8 file.

    python benchmarks/quantize_aware_beyond.py [--data FOLDER] [--models conv1d lstm transformer] [--epochs 20]
        [--aware-epochs 4] [--save FOLDER] [--bits conv1d:conv2=4]

`conv1d` (convolutions over time with BatchNormalization) and `lstm` hear spoken digits (FSDD, 3,000 recordings of six
speakers; log-mel spectrograms made here, in NumPy); `transformer` (Embedding, a convolution for the order,
two blocks of attention) classifies 77 intents of customers (Banking77, 10,003 questions). Each is trained in float,
made quantization-aware, exported by `Int8` and run on its whole test split. FOLDER holds speech/fsdd.npz and
text/banking77_*.csv; what is missing is named and left out.

The table has accuracy in float, quantization-aware and of the file, the top-1 agreement of the last two,
bytes, and the operations of the file that compute in float. Exits with 1 when a file agrees on less than 99 %.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, set_seed, start_quietly
from tfcompress.core.examples.source import Split
from tfcompress.core.remarks import collecting
from tfcompress.core.types import Data
from tfcompress.measuring import tflite

layers = keras.layers
LEAST_AGREEMENT = 0.99
FRAMES, MELS, RATE = 48, 24, 8000
LENGTH, NUM_WORDS = 24, 2000


@dataclasses.dataclass(frozen=True)
class SpokenDigits(Data):
    """FSDD as log-mel spectrograms, (frames, mels), each of mean 0 and deviation 1 over the training split."""

    folder: str
    title: str = "FSDD, spoken digits"
    num_train: int = 2700
    num_classes: int = 10
    input_shape: tuple[int, ...] = (FRAMES, MELS)

    @property
    def path(self) -> Path:
        """The archive of recordings."""
        return Path(self.folder) / "speech" / "fsdd.npz"

    def load(self) -> tuple[Split, Split]:
        """Spectrograms of all recordings; the archive says which are the test's."""
        with np.load(self.path) as held:
            audio, ends, digits, is_test = (held[name] for name in ("audio", "offsets", "digit", "is_test"))
        spectrograms = np.stack([log_mel(audio[a:b] / 32768) for a, b in zip(ends[:-1], ends[1:], strict=True)])
        mean, deviation = spectrograms[~is_test].mean(), spectrograms[~is_test].std()
        spectrograms = ((spectrograms - mean) / deviation).astype("float32")
        order = np.random.default_rng(0).permutation(np.flatnonzero(~is_test))
        labels = digits.astype(int)
        return Split(spectrograms[order], labels[order]), Split(spectrograms[is_test], labels[is_test])


def log_mel(sound: np.ndarray) -> np.ndarray:
    """A recording's log-mel spectrogram: windows of 32 ms every 16 ms, the first 0.77 s of it or with silence after."""
    window, hop = 256, 128
    needed = window + hop * (FRAMES - 1)
    sound = np.pad(sound[:needed], (0, max(0, needed - len(sound))))
    frames = np.lib.stride_tricks.sliding_window_view(sound, window)[::hop] * np.hanning(window)
    power = np.abs(np.fft.rfft(frames)) ** 2
    return np.log(power @ mel_filters(window) + 1e-6)


def mel_filters(window: int) -> np.ndarray:
    """Triangles at equal steps of the mel scale, 2595 log10(1 + f / 700), (bins, mels)."""
    top = 2595 * np.log10(1 + RATE / 2 / 700)
    corners = 700 * (10 ** (np.linspace(0, top, MELS + 2) / 2595) - 1)
    bins = np.arange(window // 2 + 1)[:, None] * RATE / window
    rising = (bins - corners[:-2]) / np.diff(corners)[:-1]
    falling = (corners[2:] - bins) / np.diff(corners)[1:]
    return np.maximum(0, np.minimum(rising, falling))


@dataclasses.dataclass(frozen=True)
class Intents(Data):
    """Banking77 as numbers of words, 0 for none and 1 for a rare one."""

    folder: str
    title: str = "Banking77, intents"
    num_train: int = 10_003
    num_classes: int = 77
    input_shape: tuple[int, ...] = (LENGTH,)

    @property
    def path(self) -> Path:
        """The training questions."""
        return Path(self.folder) / "text" / "banking77_train.csv"

    def load(self) -> tuple[Split, Split]:
        """Questions as rows of word numbers; the words are the training split's most frequent."""
        train, test = (_questions(self.path.with_name(f"banking77_{part}.csv")) for part in ("train", "test"))
        counts = Counter(word for words, _ in train for word in words)
        numbers = {word: at + 2 for at, (word, _) in enumerate(counts.most_common(NUM_WORDS - 2))}
        labels = {label: at for at, label in enumerate(sorted({label for _, label in train}))}
        order = np.random.default_rng(0).permutation(len(train))
        return _as_split([train[at] for at in order], numbers, labels), _as_split(test, numbers, labels)


def _questions(path: Path) -> list[tuple[list[str], str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [(re.findall(r"[a-z0-9']+", row["text"].lower()), row["category"]) for row in csv.DictReader(file)]


def _as_split(questions: list[Any], numbers: dict[str, int], labels: dict[str, int]) -> Split:
    inputs = np.zeros((len(questions), LENGTH), "int32")
    for row, (words, _) in zip(inputs, questions, strict=True):
        found = [numbers.get(word, 1) for word in words[:LENGTH]]
        row[: len(found)] = found
    return Split(inputs, np.array([labels[label] for _, label in questions]))


def conv1d(data: Data) -> Any:
    """Three convolutions over time."""
    x = inputs = keras.Input(data.input_shape, name="spectrogram")
    for number, filters in enumerate((32, 48, 64), 1):
        x = layers.Conv1D(filters, 5, padding="same", use_bias=False, name=f"conv{number}")(x)
        x = layers.ReLU()(layers.BatchNormalization(name=f"norm{number}")(x))
        x = layers.MaxPooling1D()(x)
    x = layers.Dropout(0.3)(layers.GlobalAveragePooling1D()(x))
    return keras.Model(inputs, layers.Dense(data.num_classes, name="answer")(x), name="conv1d")


def lstm(data: Data) -> Any:
    """One LSTM over time."""
    inputs = keras.Input(data.input_shape, name="spectrogram")
    x = layers.Dropout(0.2)(layers.LSTM(64, name="memory")(inputs))
    return keras.Model(inputs, layers.Dense(data.num_classes, name="answer")(x), name="lstm")


def transformer(data: Data) -> Any:
    """Two blocks of attention over words."""
    width = 64
    inputs = keras.Input(data.input_shape, dtype="int32", name="words")
    x = layers.Embedding(NUM_WORDS, width, name="embedding")(inputs)
    x = layers.Dropout(0.3)(layers.Conv1D(width, 3, padding="same", name="order")(x))
    for number in (1, 2):
        y = layers.MultiHeadAttention(4, width // 4, dropout=0.1, name=f"attention{number}")(x, x)
        x = layers.LayerNormalization(name=f"first_norm{number}")(layers.Add()([x, y]))
        y = layers.Dense(2 * width, activation="relu", name=f"wide{number}")(x)
        y = layers.Dropout(0.2)(layers.Dense(width, name=f"narrow{number}")(y))
        x = layers.LayerNormalization(name=f"second_norm{number}")(layers.Add()([x, y]))
    x = layers.Dropout(0.3)(layers.GlobalAveragePooling1D()(x))
    return keras.Model(inputs, layers.Dense(data.num_classes, name="answer")(x), name="transformer")


# How a model is made, what it learns, and at which rate.
MODELS = {
    "conv1d": (conv1d, SpokenDigits, 0.003),
    "lstm": (lstm, SpokenDigits, 0.1),
    "transformer": (transformer, Intents, 0.003),
}


def float_ops(path: Path) -> Counter:
    """The operations of a file, in all its graphs, that compute with float32."""

    def look(model: Any) -> Counter:
        found = Counter()
        for graph in model.subgraphs:
            for operator in graph.operators:
                name = tflite.op_name(model.operatorCodes[operator.opcodeIndex])
                is_float = any(graph.tensors[output].type == 0 for output in operator.outputs)
                found[name] += is_float and name not in ("WHILE", "DEQUANTIZE")
        return +found

    return tflite.look_into(path, look)


def outputs_of(model: Any, data: Data) -> np.ndarray:
    """The model's outputs on the test split, (N, classes)."""
    return model.predict(data.test.inputs, batch_size=256, verbose=0)


def measured(name: str, options: argparse.Namespace, folder: Path) -> tuple[str, ...]:
    """Trains, quantizes, exports and measures one model; a row of the table."""
    build, source, rate = MODELS[name]
    data = source(options.data)
    set_seed(0)
    started = time.monotonic()
    plain = tfc.Train().apply(build(data), tfc.KerasFit(data, epochs=options.epochs, batch_size=64, learning_rate=rate))
    say(f"{name}: float after {time.monotonic() - started:.0f} s")
    bits = dict(part.split("=") for of, _, part in (each.partition(":") for each in options.bits) if of == name)
    technique = tfc.QuantizeAware(per_layer_bits={layer: int(number) for layer, number in bits.items()})
    fit = tfc.KerasFit(data, epochs=options.aware_epochs, batch_size=64, learning_rate=rate / 10)
    with collecting(lambda remark: say(f"{name}: {remark}")):
        aware = technique.apply(plain, fit)
    say(f"{name}: quantization-aware after {time.monotonic() - started:.0f} s")
    before = tfc.Float32().convert(plain, data, folder / f"{name}-float32.tflite")
    file = tfc.Int8().convert(aware, data, folder / f"{name}-int8.tflite")
    outputs = outputs_of(aware, data)
    finding = tfc.CpuXnnpack().run(file, data, {"aware": outputs})
    (agreement,) = (found.top_1_agreement for found in finding.agreement["aware"].values())
    labels = data.test.targets
    in_float = ", ".join(f"{count} {op}" for op, count in sorted(float_ops(file.path).items())) or "none"
    accuracies = [(outputs_of(plain, data).argmax(-1) == labels).mean(), (outputs.argmax(-1) == labels).mean()]
    figures = [*accuracies, finding.metrics["accuracy"], agreement]
    sizes = (f"{before.raw_bytes:,}", f"{file.raw_bytes:,}", f"{file.zipped_bytes:,}")
    return (name, str(len(labels)), *(f"{figure:.2%}" for figure in figures), *sizes, in_float)


def say(line: str) -> None:
    """Progress, on the error stream."""
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    """Prints the table; the exit code says whether every file agrees."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=str(Path(__file__).parents[2] / "shared" / "data"))
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--aware-epochs", type=int, default=4)
    parser.add_argument("--bits", nargs="*", default=[], help="model:layer=bits")
    parser.add_argument("--save", type=Path, help="where the files go; nowhere by default")
    options = parser.parse_args()
    start_quietly()
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.save or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for name in options.models:
            path = MODELS[name][1](options.data).path
            if path.exists():
                rows.append(measured(name, options, folder))
            else:
                say(f"{name}: left out, there is no {path}")
    titles = ("model", "n", "float", "aware", "int8 file", "agreement", "float32 B", "int8 B", "zipped B", "float ops")
    for cells in (titles, ("---",) * len(titles), *rows):
        print("| " + " | ".join(cells) + " |")
    return int(any(float(row[5].rstrip("%")) < 100 * LEAST_AGREEMENT for row in rows) or not rows)


if __name__ == "__main__":
    sys.exit(main())
