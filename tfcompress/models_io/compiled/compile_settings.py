"""Loss, metrics and loss weights as `compile` was given them: of a model of either Keras, or of the file of one.

What `compile` was given is read off `_compile_config`, which both Keras keep for their own files (seen with keras 3.15
and tf_keras 2.21): `get_compile_config` would serialize it, and could not for a user's own functions.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Mapping
from typing import Any

from ...backend.tensorflow import keras
from ...core.errors import InvalidValue
from ...layers.twins import keras3
from ..loading.formats import Facts
from ..safe_mode.parts import parts_of


@dataclasses.dataclass(frozen=True)
class CompileSettings:
    """What `compile` of Keras `major` was given: values, or lists or dictionaries of them."""

    major: int
    loss: Any = None
    metrics: Any = None
    weighted_metrics: Any = None
    loss_weights: Any = None

    @property
    def say_nothing(self) -> bool:
        """Whether neither a loss nor a metric is among them, as for a model that adds its losses itself."""
        return not (self.loss or self.metrics or self.weighted_metrics)


def settings_of(model: Any) -> CompileSettings | None:
    """The settings of a model of either Keras in memory; None for one that is not compiled."""
    is_keras2 = isinstance(model, keras.Model)
    compiled = model._is_compiled if is_keras2 else model.compiled
    if not compiled or not hasattr(model, "_compile_config"):
        return None
    return _settings(2 if is_keras2 else 3, model._compile_config.config)


def settings_in(facts: Facts, custom_objects: Mapping[str, Any], safe_mode: bool) -> CompileSettings | None:
    """The settings in a .keras or .h5 file; None where it has none, and for a SavedModel.

    Args:
      facts: of the file.
      custom_objects: the user's own losses and metrics by name.
      safe_mode: whether Keras shall refuse code in the file.

    Raises:
      InvalidValue: when a loss or a metric of them is not known here, or cannot be made.
    """
    framework = keras if facts.keras_major == 2 else keras3()
    home = f"{framework.__name__.split('.')[0]}.src"
    safety = importlib.import_module(f"{home}.saving.serialization_lib").SafeModeScope
    try:
        with parts_of(facts.keras_major).scope(custom_objects), safety(safe_mode):
            if facts.kind == "keras" and facts.config.get("compile_config"):
                written = {key: facts.config["compile_config"].get(key) for key in _KEYS}
                return _settings(facts.keras_major, framework.saving.deserialize_keras_object(written))
            if facts.kind == "h5" and facts.training:
                legacy = "saving.legacy" if facts.keras_major == 2 else "legacy.saving"
                made = importlib.import_module(f"{home}.{legacy}.saving_utils").compile_args_from_training_config
                return _settings(facts.keras_major, made({**facts.training, "optimizer_config": _ANY_OPTIMIZER}))
    except Exception as error:  # a user's own class may raise whatever it likes
        raise InvalidValue(
            f"load_model.custom_objects must bring the loss and the metrics that {facts.title} was compiled with, or "
            f"its task is not known. Received: {type(error).__name__}: {' '.join(str(error).split())[:200]} Give them, "
            "or say task=Classification(), Regression(), or Task(loss=..., metrics=[...])."
        ) from error
    return None


_KEYS = ("loss", "metrics", "weighted_metrics", "loss_weights")
_ANY_OPTIMIZER = {
    "class_name": "SGD",
    "config": {"learning_rate": 0.01},
}  # the file's may be unknown here


def _settings(major: int, config: Mapping[str, Any]) -> CompileSettings:
    return CompileSettings(major, **{key: config.get(key) for key in _KEYS})
