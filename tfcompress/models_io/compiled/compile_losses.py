"""What a compiled loss says of its output: classes, labels or numbers; and the loss as tf_keras trains with it."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import re
from collections.abc import Mapping
from typing import Any

from ...backend.tensorflow import keras, tf
from ...core.tasks.task import BINARY, CLASSES, VALUES
from ...layers.twins import keras3

# By the name of Keras's function, in either Keras. Hinge, Dice, Tversky and the like have targets or outputs of several
# forms, and say nothing.
_KINDS = {
    **dict.fromkeys(
        (
            *("sparse_categorical_crossentropy", "categorical_crossentropy", "categorical_focal_crossentropy"),
            *("categorical_hinge", "categorical_generalized_cross_entropy"),
        ),
        CLASSES,
    ),
    **dict.fromkeys(("binary_crossentropy", "binary_focal_crossentropy"), BINARY),
    **dict.fromkeys(
        (
            *("mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error", "huber", "log_cosh"),
            *("mean_squared_logarithmic_error", "cosine_similarity", "poisson", "kl_divergence"),
        ),
        VALUES,
    ),
}
_BY_SHAPE = ("crossentropy", "ce")  # Keras 3 takes the cross-entropy that fits


@dataclasses.dataclass(frozen=True)
class LossMeaning:
    """What a loss says of its output.

    Attributes:
      kind: CLASSES, BINARY (one label, or several, by the output's columns), VALUES; "" for a loss that says nothing.
      from_logits: whether outputs are logits; None where the loss does not say.
      ignore: a class whose targets do not count.
    """

    kind: str
    from_logits: bool | None = None
    ignore: int | None = None


def meaning_of(loss: Any, columns: int | None) -> LossMeaning:
    """What a loss says of an output with so many columns.

    >>> meaning_of(keras.losses.SparseCategoricalCrossentropy(from_logits=True), 10)
    LossMeaning(kind='classes', from_logits=True, ignore=None)
    >>> meaning_of("mse", 1).kind, meaning_of(lambda targets, outputs: 0.0, 1).kind
    ('values', '')
    """
    if isinstance(loss, str) and loss.lower() in _BY_SHAPE:
        return LossMeaning(BINARY if columns == 1 else CLASSES, False)
    if isinstance(loss, functools.partial):
        return _with(meaning_of(loss.func, columns), loss.keywords)
    found = by_its_name(loss) if isinstance(loss, str) else loss
    kind = _KINDS.get(keras_name(found), "")
    if kind in ("", VALUES):
        return LossMeaning(kind)
    return _with(LossMeaning(kind, False), {} if inspect.isfunction(found) else found.get_config())


def _with(meaning: LossMeaning, settings: Mapping[str, Any]) -> LossMeaning:
    """The meaning of a cross-entropy with these settings; a hinge has none of them."""
    if meaning.kind in ("", VALUES):
        return meaning
    logits, ignore = settings.get("from_logits", meaning.from_logits), settings.get("ignore_class", meaning.ignore)
    return LossMeaning(meaning.kind, logits, ignore)


def keras_name(loss: Any) -> str:
    """The name of Keras's function for a loss or a metric of Keras's own, a function or an object; "" for a user's.

    >>> keras_name(keras.metrics.SparseTopKCategoricalAccuracy()), keras_name(keras.losses.KLDivergence())
    ('sparse_top_k_categorical_accuracy', 'kl_divergence')
    """
    if type(loss).__name__ == "LossFunctionWrapper":
        return keras_name(loss.fn)
    if _home(loss) not in ("keras", "tf_keras"):
        return ""
    if inspect.isfunction(loss):
        return loss.__name__
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", type(loss).__name__)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()


def _home(loss: Any) -> str:
    """The package of a function, or of an object's class."""
    return str((loss if inspect.isfunction(loss) else type(loss)).__module__).split(".")[0]


def by_its_name(name: str) -> Any:
    """The loss that Keras calls so: tf_keras's, or where it has none Keras 3's. Raises `ValueError`."""
    try:
        return keras.losses.get(name)
    except ValueError:
        return keras3().losses.get(name)


def trainable(loss: Any) -> Any:
    """A compiled loss as tf_keras trains with it; None for what the output's kind and its targets imply anyway."""
    if isinstance(loss, str):
        found = None if loss.lower() in _BY_SHAPE else by_its_name(loss)
        return loss if found is not None and _home(found) == "tf_keras" else trainable(found)
    return Keras3Loss(loss) if isinstance(loss, keras3().losses.Loss) else loss


@dataclasses.dataclass(frozen=True)
class Keras3Loss:
    """A loss of Keras 3 as a function that tf_keras takes: the loss of each example, which it weighs and averages."""

    loss: Any

    @property
    def name(self) -> str:
        """As Keras calls it."""
        return str(self.loss.name)

    def identity(self) -> dict[str, Any]:
        """What it computes: `get_config` of Keras 3's Huber leaves its delta out."""
        kept = {name: value for name, value in vars(self.loss).items() if not name.startswith("_dtype")}
        return {"class": type(self.loss), "state": kept}

    def __call__(self, targets: Any, outputs: Any) -> Any:
        """The losses of a batch, (batch, ...)."""
        targets, outputs = (tf.cast(tf.convert_to_tensor(each), self.loss.dtype) for each in (targets, outputs))
        return self.loss.call(targets, outputs)
