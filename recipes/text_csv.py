"""Your own texts in a CSV file, by class: convolutions over embeddings, halved, quantization-aware, int8."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import tfcompress as tfc


@dataclass(frozen=True)
class Settings(tfc.Settings):
    """`data` is needed: --set data=questions.csv, with a header and columns text and label."""

    epochs: int = tfc.setting(40, "passes over the texts in the student; the halved one takes a quarter, int8 a tenth")
    data: str | None = tfc.setting(None, "your texts: a CSV file in UTF-8 with a header")
    test: str | None = tfc.setting(None, "a CSV file of the test split; None: drawn, or by a column split")
    text: str | None = tfc.setting(None, "the column of texts; None: text, sentence, utterance or question")
    label: str | None = tfc.setting(None, "the column of labels; None: label, category, class or intent")
    test_share: float = tfc.setting(0.2, "of the texts, kept for the test split where the data names none")
    length: int = tfc.setting(32, "words of a text that count")
    max_words: int | None = tfc.setting(None, "of the vocabulary, the most frequent; None: all that occur twice")
    embedding: int = tfc.setting(96, "numbers of each word")
    embedding_bits: int = tfc.setting(8, "of the int8 files; 4, a scale for each word, is a file beside that of 8")
    filters: int = tfc.setting(160, "channels of each convolution; there are three, of width 1, 2 and 3")
    macs_left: float = tfc.setting(0.5, "share of the student's multiply-accumulates that is left; in (0, 1)")
    learning_rate: float = tfc.setting(0.001, "of Adam, at the start of the student; above 0")
    batch_size: int = tfc.setting(64, "texts in a step, at least 1")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.data is None:
            raise tfc.InvalidValue("data must be given. Received: None. Use --set data=questions.csv.")


def recipe(settings: Settings) -> tfc.Recipe:
    """Trains the student, removes channels while it teaches what is left, then makes that int8."""
    data, rate = texts(settings), settings.learning_rate
    build = partial(network, data, settings.length, settings.embedding, settings.filters)
    fit = learning(data, settings, settings.epochs, rate)
    short, shorter = (learning(data, settings, settings.epochs // n, rate / n) for n in (4, 10))
    halve = tfc.PruneChannels(target=tfc.MacsTarget(at_most=settings.macs_left))
    described = partial(tfc.WithMetadata, recipe="text_csv", settings=settings)
    return tfc.Recipe(
        data=data,
        stages=(
            tfc.Stage("student", tfc.Train(), fit, start=build),
            tfc.Stage("halved", halve, tfc.distilled(short, "student", student_loss_weight=0.5)),
            tfc.Stage("quantized", tfc.QuantizeAware(), tfc.distilled(shorter, "student", student_loss_weight=0.5)),
        ),
        exports={
            "student": (described(tfc.Float32()), described(tfc.DynamicRange()), described(tfc.Int8())),
            "quantized": tuple(
                described(tfc.Int8(embedding_bits=bits)) for bits in sorted({8, settings.embedding_bits})
            ),
        },
        checks=(tfc.CpuXnnpack(), tfc.CpuBuiltin(), tfc.CpuReference(), tfc.GpuDelegate()),
        seed=settings.seed,
    )


def texts(settings: Settings) -> tfc.TextTable:
    """The user's file, with a vocabulary of the texts that are trained on."""
    kept = {name: getattr(settings, name) for name in ("length", "max_words", "num_examples")}
    columns = {name: getattr(settings, name) for name in ("text", "label", "test_share", "seed")}
    return tfc.TextTable(settings.data, settings.test, **columns, **kept)


def network(data: Any, length: int, embedding: int, filters: int) -> Any:
    """The student; its sizes are those of the vocabulary and the labels, which are read now."""
    return tfc.text_cnn(len(data.vocabulary), data.num_classes, length, embedding, filters)


def learning(data: tfc.Data, settings: Settings, epochs: int, learning_rate: float) -> Any:
    """Training on texts of which words are missing."""
    return tfc.KerasFit(
        data,
        max(1, epochs),
        settings.batch_size,
        tfc.CosineDecay(learning_rate),
        optimizer="adam",
        augment=(tfc.WordDropout(),),
        seed=settings.seed,
    )
