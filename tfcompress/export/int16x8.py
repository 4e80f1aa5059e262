"""int16x8: activations in int16, weights in int8, for models whose accuracy int8 activations cost too much."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..backend.conversion import ConverterSettings
from ..backend.tensorflow import is_quantization_aware
from ..core.errors import ConversionFailed, expect
from ..core.types import Artifact
from .calibration import representative_dataset, to_calibrate
from .converting import convert
from .rewrites.recurrent import mode_suffix


@dataclasses.dataclass(frozen=True)
class Int16x8:
    """Quantizes weights to int8 and activations to int16, symmetric around zero.

    Ranges come from a representative data set, as for `Int8`. XNNPACK does not take such files: they run on LiteRT's
    own kernels, many times slower than int8; what they are for is accuracy where there is no float unit.

    Args:
      num_representative: examples to calibrate with, at least 1; N where the training split has fewer. Defaults to 256.
      float_inputs_and_outputs: whether the caller gives and gets float32, converted inside the file. Defaults to False.
      seed: of the choice of examples. Defaults to 0.
      recurrent: the form of recurrent layers: "auto" and "unrolled" lay out at most 256 steps, as TensorFlow makes no
        int16 of a loop, and no runtime loads an LSTM operation of these types. Defaults to "auto".

    Raises:
      InvalidValue: for a value out of range.

    Example:

    >>> Int16x8().mode
    'int16x8'

    Reference: TensorFlow, "Post-training integer quantization with int16 activations",
    https://ai.google.dev/edge/litert/models/post_training_integer_quant_16x8
    """

    num_representative: int = 256
    float_inputs_and_outputs: bool = False
    seed: int = 0
    recurrent: str = "auto"

    def __post_init__(self) -> None:
        expect(self.num_representative >= 1, self, "num_representative", "must be at least 1", "Use 256.")
        known = self.recurrent in ("auto", "unrolled")
        expect(known, self, "recurrent", "must be 'auto' or 'unrolled'", "Use 'auto'.")

    @property
    def mode(self) -> str:
        """What the file is."""
        return f"int16x8{mode_suffix(self.recurrent)}{'_float_io' if self.float_inputs_and_outputs else ''}"

    def convert(self, model: Any, data: Any, path: str | Path) -> Artifact:
        """Writes `path`, whole or not at all. Raises `ConversionFailed`, or without data `InvalidValue`."""
        if is_quantization_aware(model):
            raise ConversionFailed(
                "Int16x8 expects a float model. Received: a quantization-aware one, whose ranges are those of int8. "
                "Export the stage before, or use Int8."
            )
        calibration = to_calibrate(data, self)

        def examples() -> Iterator[Any]:
            return representative_dataset(model, calibration, self.num_representative, self.seed)

        settings = ConverterSettings(
            optimize=True,
            ops=("EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8", "TFLITE_BUILTINS"),
            io_type="float32" if self.float_inputs_and_outputs else "int16",
        )
        return convert(model, data, path, self.mode, settings, examples, self.recurrent)
