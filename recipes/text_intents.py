"""Short texts by class: convolutions over embeddings, taught by a transformer if asked for, halved, int8."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import tfcompress as tfc


@dataclass(frozen=True)
class Settings(tfc.Settings):
    """A data set of tensorflow-datasets by name, or a CSV file, as of banking77."""

    epochs: int = tfc.setting(40, "passes over the texts in the student; the halved one takes a quarter, int8 a tenth")
    data: str | None = tfc.setting(None, "a CSV file with columns text and label; None: a data set of TFDS")
    dataset: str = tfc.setting("ag_news_subset", "of TFDS, where there is no file: ag_news_subset, imdb_reviews, ...")
    data_dir: str | None = tfc.setting(None, "folder of prepared data sets; None: TFDS_DATA_DIR, or tfds's own default")
    length: int = tfc.setting(32, "words of a text that count")
    max_words: int | None = tfc.setting(None, "of the vocabulary, the most frequent; None: all that occur twice")
    embedding: int = tfc.setting(96, "numbers of each word")
    embedding_bits: int = tfc.setting(8, "of the int8 files; 4, a scale for each word, is a file beside that of 8")
    filters: int = tfc.setting(160, "channels of each convolution; there are three, of width 1, 2 and 3")
    teacher_epochs: int = tfc.setting(0, "of a transformer that teaches the student; 0: it learns from labels alone")
    macs_left: float = tfc.setting(0.5, "share of the student's multiply-accumulates that is left; in (0, 1)")
    learning_rate: float = tfc.setting(0.001, "of Adam, at the start of the student; above 0")
    batch_size: int = tfc.setting(64, "texts in a step, at least 1")


def recipe(settings: Settings) -> tfc.Recipe:
    """Trains the student, removes channels while it teaches what is left, then makes that int8."""
    data, rate = texts(settings), settings.learning_rate
    build = partial(network, data, settings.length, settings.embedding, settings.filters)
    fit = learning(data, settings, settings.epochs, rate)
    teacher: tuple[tfc.Stage, ...] = ()
    if settings.teacher_epochs:
        teaching = learning(data, settings, settings.teacher_epochs, rate)
        teacher = (tfc.Stage("teacher", tfc.Train(), teaching, start=partial(encoder, data, settings.length)),)
        fit = tfc.distilled(fit, "teacher", student_loss_weight=0.5)
    short, shorter = (learning(data, settings, settings.epochs // n, rate / n) for n in (4, 10))
    halve = tfc.PruneChannels(target=tfc.MacsTarget(at_most=settings.macs_left))
    described = partial(tfc.WithMetadata, recipe="text_intents", settings=settings)
    return tfc.Recipe(
        data=data,
        stages=(
            *teacher,
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


def texts(settings: Settings) -> tfc.TextTable | tfc.TfdsTexts:
    """The texts that are asked for, with a vocabulary of those that are trained on."""
    kept = {name: getattr(settings, name) for name in ("length", "max_words", "num_examples")}
    if settings.data is None:
        return tfc.TfdsTexts(settings.dataset, data_dir=settings.data_dir, **kept)
    return tfc.TextTable(settings.data, seed=settings.seed, **kept)


def network(data: Any, length: int, embedding: int, filters: int) -> Any:
    """The student; its sizes are those of the vocabulary and the labels, which are read now."""
    return tfc.text_cnn(len(data.vocabulary), data.num_classes, length, embedding, filters)


def encoder(data: Any, length: int) -> Any:
    """The teacher."""
    return tfc.text_transformer(len(data.vocabulary), data.num_classes, length)


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
