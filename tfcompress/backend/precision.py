"""Training in bfloat16 where the processor multiplies it fast; weights, sums and what is kept stay float32."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from .tensorflow import tf

_OPTION = "auto_mixed_precision_onednn_bfloat16"


@contextlib.contextmanager
def bfloat16_products() -> Iterator[None]:
    """While the block lasts, TensorFlow's graphs compute products and convolutions of float32 tensors in bfloat16.

    TensorFlow itself (grappler) decides which operations are safe, and leaves a processor alone that has no such
    instructions. Unlike Keras's "mixed_bfloat16" policy it asks for no other model: the same layers train, wrapped or
    not, and compute in float32 once the block is over.
    """
    before = tf.config.optimizer.get_experimental_options().get(_OPTION, False)
    tf.config.optimizer.set_experimental_options({_OPTION: True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({_OPTION: before})
