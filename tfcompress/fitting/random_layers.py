"""Random numbers of layers while a fit lasts, from generators whose state can be read, kept and given back.

Keras's own operations for Dropout keep how many numbers they drew inside of TensorFlow, where nobody can read it.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from typing import Any

from ..backend.tensorflow import eager_context, tf

_STATEFUL = "stateful"  # RandomGenerator's names (tf_keras 2.21), which are not public
_HIDDEN = "legacy_stateful"


@contextlib.contextmanager
def readable_draws(model: Any) -> Iterator[None]:
    """All layers of `model` that draw random numbers do so from a `tf.random.Generator` of their own inside.

    It begins with the global seed and the layer's own, or its place: as with Keras's, each fit begins with the same
    numbers. Under a tf.distribute.Strategy they stay as they are, where replicas are to draw different ones.
    """
    hidden = [] if tf.distribute.has_strategy() else [each for each in _generators(model) if each._rng_type == _HIDDEN]
    given = eager_context.global_seed()
    first = secrets.randbits(62) if given is None else given
    before = [{name: vars(each)[name] for name in ("_rng_type", "_built") if name in vars(each)} for each in hidden]
    held = [vars(each).get("_generator") for each in hidden]
    try:
        for place, each in enumerate(hidden):
            own = -1 - place if each._seed is None else each._seed
            drawing = tf.random.Generator.from_seed([first, own], "philox")
            # Past Keras's tracking, or the generator's state would be in models that are saved later.
            vars(each).update(_rng_type=_STATEFUL, _built=True, _generator=drawing)
        yield
    finally:
        for each, settings, generator in zip(hidden, before, held, strict=True):
            vars(each).update(settings, _generator=generator)


def states_of_draws(model: Any) -> list[Any]:
    """The variables that hold what the random layers of `model` draw next, inside `readable_draws`."""
    drawing = (each._generator for each in _generators(model) if each._rng_type == _STATEFUL)
    return [each.state for each in drawing if each is not None]


def _generators(model: Any) -> list[Any]:
    """Keras's RandomGenerators of all layers, each once, in the order of the layers."""
    found = (getattr(layer, "_random_generator", None) for layer in model._flatten_layers())
    return list({id(each): each for each in found if each is not None}.values())
