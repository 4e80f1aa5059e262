"""Layers of our own that quantization-aware training puts in the place of Keras's, where tfmot has none."""

from __future__ import annotations

from .aware import AwareConfig
from .aware_attention import AwareAttention, AwareEinsumDense, split_equation
from .aware_convolution import AwareConv1D, AwareDepthwiseConv1D
from .aware_embedding import AwareEmbedding
from .aware_normalization import AwareBatchNormalization, AwareLayerNormalization
from .aware_recurrent import AwareGRU, AwareLSTM

__all__ = [
    "AwareAttention",
    "AwareBatchNormalization",
    "AwareConfig",
    "AwareConv1D",
    "AwareDepthwiseConv1D",
    "AwareEinsumDense",
    "AwareEmbedding",
    "AwareGRU",
    "AwareLSTM",
    "AwareLayerNormalization",
    "split_equation",
]
