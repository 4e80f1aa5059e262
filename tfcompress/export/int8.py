"""Static int8: weights and activations in int8 throughout, which integer-only hardware needs."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from ..core.errors import expect
from ..core.keras import is_quantization_aware, tf
from ..core.types import Artifact, Data
from .converting import convert, representative_dataset


@dataclasses.dataclass(frozen=True)
class Int8:
    """Quantizes weights and activations to int8.

    The ranges of activations come from a representative data set, drawn at random from the training split; those
    of a quantization-aware model come from its training. An operation that TFLite knows in float only stays in float,
    between conversions; the share of kernels that are int8 is in the report.

    Args:
      num_representative: examples to calibrate with, at least 1; N where the training split has fewer. Defaults to 256.
      float_inputs_and_outputs: whether the caller gives and gets float32, converted inside the file. Defaults to False.
      seed: of the choice of examples. Defaults to 0.

    Raises:
      InvalidValue: for a value out of range.

    Example:

    >>> Int8(float_inputs_and_outputs=True).mode
    'int8_float_io'

    Reference: Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only
    inference", 2018, https://arxiv.org/abs/1712.05877
    """

    num_representative: int = 256
    float_inputs_and_outputs: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        expect(self.num_representative >= 1, self, "num_representative", "must be at least 1", "Use 256.")

    @property
    def mode(self) -> str:
        """What the file is."""
        return "int8_float_io" if self.float_inputs_and_outputs else "int8"

    def convert(self, model: Any, data: Data, path: Path) -> Artifact:
        """Writes `path`, whole or not at all. Raises `ConversionFailed`."""

        def configure(converter: Any) -> None:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            if not is_quantization_aware(model):
                converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
                converter.representative_dataset = lambda: representative_dataset(
                    data, self.num_representative, self.seed
                )
            if not self.float_inputs_and_outputs:
                converter.inference_input_type = converter.inference_output_type = tf.int8

        return convert(model, path, self.mode, configure)
