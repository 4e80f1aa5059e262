"""Losses between a teacher and its student: of outputs (outputs.py), of layers (layers.py), their weighted sum."""

from .asking import LayerLoss
from .layers import AttentionTransfer, Hint, Relational
from .outputs import Correlation, DecoupledTargets, MeanSquaredLogits, Reconstruction, SoftTargets
from .weighted import Ramp, WeightedSum

__all__ = [
    "AttentionTransfer",
    "Correlation",
    "DecoupledTargets",
    "Hint",
    "LayerLoss",
    "MeanSquaredLogits",
    "Ramp",
    "Reconstruction",
    "Relational",
    "SoftTargets",
    "WeightedSum",
]
