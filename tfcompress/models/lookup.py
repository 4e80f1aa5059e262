"""A model of words in two parts: the table of embeddings, and the network behind it, which any delegate takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..backend.tensorflow import keras
from ..core.errors import UnsupportedModel

if TYPE_CHECKING:
    import numpy as np


def split_lookup(model: Any) -> tuple[np.ndarray, Any]:
    """The embeddings of a model as a table, and a model that takes their rows in the place of numbers of words.

    LiteRT's GPU delegate looks up nothing (GATHER). An app that keeps the table takes its rows itself, and gives them
    to the second part, which has no lookup.

    Args:
      model: a functional tf_keras model with one input of whole numbers, which goes into one Embedding layer.

    Returns:
      The table, (words, width), and a model (batch, length, width) -> the outputs of `model`, which are the same for
      `table[words]`; it has the same layers, and they are trained with those of `model`.

    Raises:
      UnsupportedModel: for a model of another form.

    Example:

    >>> from tfcompress.models.text_cnn import text_cnn
    >>> table, rest = split_lookup(text_cnn(num_words=50, num_classes=3, length=8, embedding=4))
    >>> table.shape, rest.input_shape, rest.output_shape
    ((50, 4), (None, 8, 4), (None, 3))
    """
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.Embedding)]
    if len(layers) != 1 or len(model.inputs) != 1 or layers[0].input is not model.inputs[0]:
        raise UnsupportedModel(
            f"split_lookup expects a model whose one input goes into one Embedding layer. Received: {model.name}, with "
            f"{len(model.inputs)} inputs and {len(layers)} such layers. Split it where its words are looked up."
        )
    table = layers[0].get_weights()[0]
    return table, keras.Model(layers[0].output, model.outputs, name=f"{model.name}_behind_lookup")
