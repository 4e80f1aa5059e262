"""Embedding with a fake-quantized table: looking up changes no value, so that what it gives has the table's scale."""

from __future__ import annotations

from typing import Any

from ...backend.tensorflow import keras, tf
from .aware import PACKAGE, Aware
from .kernel_quantizer import KernelQuantizer


@keras.saving.register_keras_serializable(PACKAGE)
class AwareEmbedding(Aware, keras.layers.Embedding):
    """An Embedding, its table (words, width) with one scale."""

    def kernels_to_quantize(self) -> list[Any]:
        return [(self.embeddings, KernelQuantizer())]

    def call(self, inputs: Any) -> Any:
        """Looks words up, (batch, length) -> (batch, length, width)."""
        return tf.gather(self.used(0), tf.cast(inputs, tf.int32))
