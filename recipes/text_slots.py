"""Sentences with an intent and a slot for each word, two outputs of one file: trained, halved, int8."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import tfcompress as tfc


@dataclass(frozen=True)
class Settings(tfc.Settings):
    """`data` is needed: --set data=snips/, a folder of JSON files as the snips benchmark has them."""

    epochs: int = tfc.setting(12, "passes over the sentences in the baseline; the later stages take a third of it")
    data: str | None = tfc.setting(None, "a folder with train*.json and validate*.json")
    length: int = tfc.setting(24, "words of a sentence that count")
    max_words: int | None = tfc.setting(None, "of the vocabulary, the most frequent; None: all that occur twice")
    embedding: int = tfc.setting(64, "numbers of each word")
    filters: int = tfc.setting(128, "channels of each of three convolutions")
    macs_left: float = tfc.setting(0.5, "share of the baseline's multiply-accumulates that is left; in (0, 1)")
    learning_rate: float = tfc.setting(0.002, "of Adam, at the start of the baseline; above 0")
    batch_size: int = tfc.setting(64, "sentences in a step, at least 1")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.data is None:
            raise tfc.InvalidValue("data must be given. Received: None. Use --set data=snips/.")


def recipe(settings: Settings) -> tfc.Recipe:
    """Trains a baseline, removes channels while it teaches what is left, then makes that int8."""
    data = tfc.TaggedTexts(
        settings.data, settings.length, max_words=settings.max_words, num_examples=settings.num_examples
    )
    build = partial(network, data, settings.embedding, settings.filters)
    halve = tfc.PruneChannels(target=tfc.MacsTarget(at_most=settings.macs_left))
    described = partial(tfc.WithMetadata, recipe="text_slots", settings=settings)
    return tfc.Recipe(
        data=data,
        stages=(
            tfc.Stage("baseline", tfc.Train(), fit(data, settings, 1, 1), start=build),
            tfc.Stage("halved", halve, taught(data, settings, 3, 2)),
            tfc.Stage("quantized", tfc.QuantizeAware(), taught(data, settings, 3, 10)),
        ),
        exports={
            "baseline": (described(tfc.Float32()), described(tfc.Int8())),
            "quantized": (described(tfc.Int8()),),
        },
        checks=(tfc.CpuXnnpack(), tfc.CpuBuiltin(), tfc.CpuReference(), tfc.GpuDelegate()),
        seed=settings.seed,
    )


def network(data: tfc.TaggedTexts, embedding: int, filters: int) -> Any:
    """A network with as many words, intents and tags as the data has."""
    return tfc.text_tagger(len(data.vocabulary), len(data.intents), len(data.slots), data.length, embedding, filters)


def fit(data: tfc.TaggedTexts, settings: Settings, part: int, slower: int) -> tfc.KerasFit:
    """Training for a part of the epochs at a slower rate, on sentences of which words are missing."""
    return tfc.KerasFit(
        data,
        max(1, settings.epochs // part),
        settings.batch_size,
        tfc.CosineDecay(settings.learning_rate / slower),
        optimizer="adam",
        augment=(tfc.WordDropout(0.05),),
        seed=settings.seed,
    )


def taught(data: tfc.TaggedTexts, settings: Settings, part: int, slower: int) -> tfc.DistilledFit:
    """The same with the baseline's outputs beside the labels."""
    return tfc.distilled(fit(data, settings, part, slower), "baseline", student_loss_weight=0.5)
