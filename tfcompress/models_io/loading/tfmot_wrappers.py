"""Models that tfmot has wrapped already: for pruning or clustering, which is over when a model is given to us."""

from __future__ import annotations

from typing import Any

from ...backend.tensorflow import tfmot
from ...core.errors import UnsupportedModel
from ...core.remarks import remark


def unwrapped(model: Any) -> Any:
    """A tf_keras model without tfmot's wrappers for pruning and clustering, which keep zeros and clusters as they are.

    Those of quantization-aware training stay: they are what makes the model.

    >>> from tfcompress.backend.tensorflow import keras
    >>> model = keras.Sequential([keras.layers.Dense(2, input_shape=(3,), name="dense")])
    >>> wrapped = tfmot.sparsity.keras.prune_low_magnitude(model)
    >>> [layer.name for layer in unwrapped(wrapped).layers]
    ['dense']

    Raises:
      UnsupportedModel: for one that is annotated for quantization, and not quantized.
    """
    kinds = {type(layer).__name__ for layer in model._flatten_layers(include_self=False)}
    if "QuantizeAnnotate" in kinds:
        raise UnsupportedModel(
            f"load_model: {model.name!r} must be a whole model. Received: one that quantize_annotate has marked and "
            "nothing has quantized. Give it to quantize_apply first, or leave the marks out and use QuantizeAware."
        )
    if "PruneLowMagnitude" in kinds:
        model = tfmot.sparsity.keras.strip_pruning(model)
        remark(f"{model.name}: tfmot's wrappers for pruning were taken off; the zeros are in the kernels.")
    if "ClusterWeights" in kinds:
        model = tfmot.clustering.keras.strip_clustering(model)
        remark(f"{model.name}: tfmot's wrappers for clustering were taken off; the kernels share their values.")
    return model
