"""Layers of our own that quantization-aware training puts in the place of Keras's, where tfmot has none."""

from __future__ import annotations

from .attention import AwareAttention, AwareEinsumDense, split_equation
from .aware import AwareConfig
from .convolution import AwareConv1D, AwareDepthwiseConv1D, AwareSeparableConv1D
from .embedding import AwareEmbedding
from .normalization import AwareBatchNormalization, AwareLayerNormalization, AwareRescaling
from .recurrent import AwareGRU, AwareLSTM

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
    "AwareRescaling",
    "AwareSeparableConv1D",
    "split_equation",
]
