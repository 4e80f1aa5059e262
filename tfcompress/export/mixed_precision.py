"""Mixed precision: weights of 2, 4 or 8 bits layer by layer, by ai-edge-quantizer, an extra (`tfcompress[edge]`)."""

from __future__ import annotations

import contextlib
import dataclasses
import fnmatch
import io
import re
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..backend.tensorflow import is_quantization_aware
from ..core.errors import ConversionFailed, InvalidValue, NothingHappened, expect
from ..core.selection import near
from ..core.types import Artifact, Data
from ..measuring import tflite
from ..measuring.layer_map import LayerOp, layer_ops
from ..measuring.measure import leaf_layers
from .converting import convert, representative_dataset, write

BITS = (4, 8, 16)


@dataclasses.dataclass(frozen=True)
class MixedPrecision:
    """Quantizes each layer's weights to as many bits as it is given, and activations to int8.

    Weights are symmetric, per output channel; activations asymmetric per tensor, their ranges the extremes over a
    representative data set. Layers are named as in Keras. A layer that asks for bits and gets none is an error.

    Args:
      weight_bits: of every layer that `per_layer` does not name: 4 or 8. Defaults to 4.
      per_layer: other bits, by layer name or pattern, the first match counts; 16 leaves a layer in float.
      num_representative: examples to calibrate with, at least 1. Defaults to 256.
      seed: of the choice of examples. Defaults to 0.

    Raises:
      InvalidValue: for a value out of range, or at conversion for a pattern that matches no layer.

    Example:

    >>> MixedPrecision(per_layer={"stem": 8, "logits": 8}).mode
    'mixed4'

    Reference: Google AI Edge, "AI Edge Quantizer", https://github.com/google-ai-edge/ai-edge-quantizer
    """

    weight_bits: int = 4
    per_layer: Mapping[str, int] = dataclasses.field(default_factory=dict)
    num_representative: int = 256
    seed: int = 0

    def __post_init__(self) -> None:
        expect(self.weight_bits in BITS[:2], self, "weight_bits", "must be 4 or 8", "Use 4.")
        known = all(bits in BITS for bits in self.per_layer.values())
        expect(known, self, "per_layer", f"must hold bits of {BITS}", "Use 8, or 16 for float.")
        expect(self.num_representative >= 1, self, "num_representative", "must be at least 1", "Use 256.")

    @property
    def mode(self) -> str:
        """What the file is."""
        return f"mixed{self.weight_bits}" if self.per_layer else f"int{self.weight_bits}_weights"

    def convert(self, model: Any, data: Data, path: Path) -> Artifact:
        """Writes `path`, whole or not at all.

        Raises:
          ConversionFailed: when ai-edge-quantizer is not installed, or fails.
          NothingHappened: when a layer did not get the bits that it was given.
        """
        if is_quantization_aware(model):
            raise ConversionFailed(
                "MixedPrecision expects a float model. Received: a quantization-aware one. Export the stage before."
            )
        layers = [layer.name for layer in leaf_layers(model)]
        with tempfile.TemporaryDirectory() as folder:
            plain = Path(folder) / "float32.tflite"
            convert(model, plain, "float32", lambda converter: None)
            found = layer_ops(plain, layers)
            bits = self._bits(found)
            with _quietly():
                content = _quantized(plain, bits, self._calibration(data))
            made = Path(folder) / "made.tflite"
            made.write_bytes(content)
            _require_bits(made, layers, bits)
        return write(content, path, self.mode)

    def _bits(self, found: tuple[LayerOp, ...]) -> dict[LayerOp, int]:
        """The bits of each operation with a kernel; those whose layer no name tells get the common ones."""
        names = [crossing.layer for crossing in found if crossing.layer]
        for pattern in self.per_layer:
            if not fnmatch.filter(names, pattern):
                raise InvalidValue(
                    f"MixedPrecision.per_layer expects names or patterns of layers with kernels. Received: "
                    f"{pattern!r}, which matches none. Near it: {near(pattern, names)}."
                )
        return {crossing: self._bits_of(crossing.layer or "") for crossing in found}

    def _bits_of(self, layer: str) -> int:
        matches = (bits for pattern, bits in self.per_layer.items() if fnmatch.fnmatch(layer, pattern))
        return next(matches, self.weight_bits)

    def _calibration(self, data: Data) -> list[Any]:
        return [example[0] for example in representative_dataset(data, self.num_representative, self.seed)]


def _quantized(plain: Path, bits: Mapping[LayerOp, int], examples: list[Any]) -> bytes:
    try:
        from ai_edge_quantizer import calibrator, qtyping, quantizer, recipe_manager
        from ai_edge_quantizer.utils import qsv_utils, tfl_interpreter_utils
    except ImportError as error:
        raise ConversionFailed(
            f"MixedPrecision needs ai-edge-quantizer. Received: none ({error}). Run: pip install 'tfcompress[edge]'."
        ) from error
    try:
        everything = qtyping.TFLOperationName.ALL_SUPPORTED
        recipe = recipe_manager.RecipeManager()
        recipe.add_static_config(".*", everything, activation_num_bits=8, weight_num_bits=8)
        for crossing, number in bits.items():
            # An operation is found by the name of what it gives, to which the quantizer adds a semicolon.
            scope = f"^{re.escape(crossing.output)};"
            if number < 8:
                op = qtyping.TFLOperationName(crossing.op)
                recipe.add_static_config(scope, op, activation_num_bits=8, weight_num_bits=number)
            elif number > 8:
                recipe.add_quantization_config(scope, everything, algorithm_key="no_quantize")
        made = quantizer.Quantizer(str(plain), recipe.get_quantization_recipe())
        interpreter = tfl_interpreter_utils.create_tfl_interpreter(str(plain))
        (signature,) = interpreter.get_signature_list()
        (name,) = interpreter.get_signature_list()[signature]["inputs"]
        # The quantizer's own calibration follows a moving average, which clips what is rare.
        watch = calibrator.Calibrator(str(plain), qsv_update_func=qsv_utils.min_max_update)
        watch.calibrate({signature: [{name: example} for example in examples]}, recipe)
        return bytes(made.quantize(watch.get_model_qsvs(), enable_progress_report=False).quantized_model)
    except (ValueError, RuntimeError, KeyError, NotImplementedError) as error:
        reason = " ".join(str(error).split())
        raise ConversionFailed(f"ai-edge-quantizer could not quantize the model. Its reason: {reason}.") from error


def _require_bits(path: Path, layers: list[str], bits: Mapping[LayerOp, int]) -> None:
    """Raises `NothingHappened` when a kernel in the file is not of the type that it was to have."""
    types = {4: "INT4", 8: "INT8", 16: "FLOAT32"}
    stored = tflite.look_into(path, _kernel_types)
    for crossing, number in bits.items():
        kind = stored.get(crossing.kernel)
        if kind != types[number]:
            raise NothingHappened(
                f"MixedPrecision expects {types[number]} weights in {crossing.layer or crossing.output}. Received: "
                f"{kind or 'no such tensor'}. ai-edge-quantizer has no {number}-bit {crossing.op}; give it other bits."
            )


def _kernel_types(model: Any) -> dict[str, str]:
    from ai_edge_litert import schema_py_generated as schema

    names = {value: name for name, value in vars(schema.TensorType).items() if isinstance(value, int)}
    return {tflite.text_of(tensor.name): names[tensor.type] for tensor in model.subgraphs[0].tensors}


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """The quantizer prints its progress, whatever it is told, and warns of the way in which it watches a model."""
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.filterwarnings("ignore", message=".*experimental_preserve_all_tensors")
        yield
