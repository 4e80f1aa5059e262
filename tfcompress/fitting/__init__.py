"""How we train: keras_fit.py is `compile` and `fit`, examples.py what they see; learning_rates.py, averaging.py."""

from .keras_fit import KerasFit
from .learning_rates import CosineDecay, OneCycle, StepDecay
from .train import Train

__all__ = ["CosineDecay", "KerasFit", "OneCycle", "StepDecay", "Train"]
