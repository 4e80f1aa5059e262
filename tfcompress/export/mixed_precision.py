"""Mixed precision: weights of 2, 4 or 8 bits layer by layer, by litert-quantizer, an extra (`tfcompress[edge]`)."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import re
import tempfile
import warnings
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..backend.conversion import ConverterSettings
from ..backend.tensorflow import is_quantization_aware
from ..core.errors import ConversionFailed, NothingHappened, expect
from ..core.extras import require_extra
from ..core.remarks import remark
from ..core.selection import PerLayer, by_layer, expect_selectors
from ..core.types import FLOAT32, Artifact, Bits, Data
from ..measuring import tflite
from ..measuring.layer_map import LayerOp, layer_ops
from ..measuring.measure import leaf_layers
from ..measuring.outputs import input_specs
from .calibration import representative_dataset, to_calibrate
from .converting import convert, write
from .loop_ranges import ranges_of
from .rewrites.recurrent import mode_suffix, recurrent_layers

STORED = {4: "INT4", 8: "INT8", FLOAT32: "FLOAT32"}  # as what a file stores weights of so many bits


@dataclasses.dataclass(frozen=True)
class MixedPrecision:
    """Quantizes each layer's weights to as many bits as it is given, and activations to int8.

    Weights are symmetric, per output channel; activations asymmetric per tensor, their ranges the extremes over a
    representative data set. Layers are named as in Keras. A layer that asks for bits and gets none is an error.

    Args:
      weight_bits: of every layer that `per_layer` does not name: 4 or 8. Defaults to 4.
      per_layer: other bits, 4, 8 or "float32" for a layer left in float, by selectors of layers (core/selection.py).
      num_representative: examples to calibrate with, at least 1. Defaults to 256.
      seed: of the choice of examples. Defaults to 0.
      recurrent: the form of recurrent layers: "auto" and "unrolled" lay out at most 256 steps, as litert-quantizer
        makes no loop of integers; "fused" is TFLite's LSTM operation, which stays in float, for microcontrollers, whose
        states stay from call to call until an app resets them. Defaults to "auto".

    Raises:
      InvalidValue: for a value out of range, or at conversion for a selector that matches no layer.

    Example:

    >>> MixedPrecision(per_layer={"stem": 8, "Dense": "float32"}).mode
    'mixed4'

    Reference: Google AI Edge, "LiteRT Quantizer", https://github.com/google-ai-edge/LiteRT
    """

    weight_bits: int = 4
    per_layer: PerLayer[Bits] = dataclasses.field(default_factory=dict)
    num_representative: int = 256
    seed: int = 0
    recurrent: str = "auto"

    def __post_init__(self) -> None:
        expect(self.weight_bits in (4, 8), self, "weight_bits", "must be 4 or 8", "Use 4.")
        expect_selectors(self, "per_layer")
        known = all(bits in STORED for bits in self.per_layer.values())
        expect(known, self, "per_layer", f"must hold bits of {tuple(STORED)}", f"Use 8, or {FLOAT32!r}.")
        expect(self.num_representative >= 1, self, "num_representative", "must be at least 1", "Use 256.")
        known = self.recurrent in ("auto", "unrolled", "fused")
        expect(known, self, "recurrent", "must be 'auto', 'unrolled' or 'fused'", "Use 'auto'.")

    @property
    def mode(self) -> str:
        """What the file is."""
        bits = f"mixed{self.weight_bits}" if self.per_layer else f"int{self.weight_bits}_weights"
        return bits + mode_suffix(self.recurrent)

    def convert(self, model: Any, data: Any, path: str | Path) -> Artifact:
        """Writes `path`, whole or not at all.

        Raises:
          MissingExtra: when litert-quantizer is not installed.
          ConversionFailed: when it fails.
          InvalidValue: without data.
          NothingHappened: when a layer did not get the bits that it was given.
        """
        require_extra("edge", "MixedPrecision")
        if is_quantization_aware(model):
            raise ConversionFailed(
                "MixedPrecision expects a float model. Received: a quantization-aware one. Export the stage before."
            )
        calibration = to_calibrate(data, self)
        layers = {layer.name: layer for layer in leaf_layers(model)}
        with tempfile.TemporaryDirectory() as folder:
            plain = Path(folder) / "float32.tflite"
            made_of = convert(model, data, plain, "float32", ConverterSettings(), recurrent=self._form(model))
            found = layer_ops(plain, layers)
            bits = self._bits(found, layers)
            with _quietly():
                content = _quantized(plain, bits, self._calibration(model, calibration))
            made = Path(folder) / "made.tflite"
            made.write_bytes(content)
            _require_bits(made, layers, bits)
        return write(content, path, self.mode, model, calibration, made_of.needs_reset)

    def _form(self, model: Any) -> str:
        names = recurrent_layers(model) if self.recurrent == "auto" else []
        if names:
            remark(
                f"{', '.join(names)}: written step by step, as {self.mode} of a loop cannot be made; the file has each "
                "step, and is larger."
            )
        return "unrolled" if names else self.recurrent

    def _bits(self, found: tuple[LayerOp, ...], layers: Mapping[str, Any]) -> dict[LayerOp, Bits]:
        """The bits of each operation with a kernel; those whose layer no name gives away get the common ones."""
        with_kernels = {op.layer: layers[op.layer] for op in found if op.layer}
        owner, expected = "MixedPrecision.per_layer", "layers with kernels"
        bits = by_layer(with_kernels, self.weight_bits, self.per_layer, owner, expected)
        return {op: bits.get(op.layer or "", self.weight_bits) for op in found}

    def _calibration(self, model: Any, data: Data) -> list[dict[str, Any]]:
        """Examples by the names of the model's inputs."""
        names = [spec.name for spec in input_specs(model)]
        examples = representative_dataset(model, data, self.num_representative, self.seed)
        return [example if isinstance(example, dict) else {names[0]: example[0]} for example in examples]


def _quantized(plain: Path, bits: Mapping[LayerOp, Bits], examples: list[Any]) -> bytes:
    from litert_quantizer import calibrator, qtyping, quantizer, recipe_manager
    from litert_quantizer.utils import qsv_utils, tfl_interpreter_utils

    try:
        everything = qtyping.TFLOperationName.ALL_SUPPORTED
        recipe = recipe_manager.RecipeManager()
        recipe.add_static_config(".*", everything, activation_num_bits=8, weight_num_bits=8)
        for crossing, number in bits.items():
            # An operation is found by the name of what it gives, to which the quantizer adds a semicolon.
            scope = f"^{re.escape(crossing.output)};"
            if number == FLOAT32:
                recipe.add_quantization_config(scope, everything, algorithm_key="no_quantize")
            elif number != 8:
                op = qtyping.TFLOperationName(crossing.op)
                recipe.add_static_config(scope, op, activation_num_bits=8, weight_num_bits=number)
        made = quantizer.Quantizer(str(plain), recipe.get_quantization_recipe())
        interpreter = tfl_interpreter_utils.create_tfl_interpreter(str(plain))
        (signature,) = interpreter.get_signature_list()
        names = interpreter.get_signature_list()[signature]["inputs"]
        by_file = [
            example if set(example) == set(names) else dict(zip(names, example.values(), strict=True))
            for example in examples
        ]
        # The quantizer's own calibration follows a moving average, which clips what is rare.
        watch = calibrator.Calibrator(str(plain), qsv_update_func=qsv_utils.min_max_update)
        try:
            watch.calibrate({signature: by_file}, recipe)
            found = watch.get_model_qsvs()
        except ValueError as error:
            if "data is null" not in str(error):  # of what a step gives and nothing takes: recurrent layers have such
                raise
            found = _ranges(plain, by_file)
        return bytes(made.quantize(found, enable_progress_report=False).quantized_model)
    except (ValueError, RuntimeError, KeyError, NotImplementedError) as error:
        reason = " ".join(str(error).split())
        raise ConversionFailed(
            f"litert-quantizer could not quantize the model. Its reason: {reason}. Give the layer that it names no "
            "bits, or use Int8."
        ) from error


def _ranges(plain: Path, examples: list[Any]) -> dict[str, Any]:
    """The range of each tensor as litert-quantizer has them, by name."""
    import numpy as np

    model, ranges = ranges_of(plain.read_bytes(), examples)
    found = {}
    for (number, index), limits in ranges.items():
        tensor = model.subgraphs[number].tensors[index]
        low, high = (np.full((1,) * len(tensor.shape), limit, "float32") for limit in limits)
        found[tflite.text_of(tensor.name)] = {"min": low, "max": high}
    return found


def _require_bits(path: Path, layers: Collection[str], bits: Mapping[LayerOp, Bits]) -> None:
    """Raises `NothingHappened` when a kernel in the file is not of the type that it was to have."""
    stored = tflite.look_into(path, _kernel_types)
    for crossing, number in bits.items():
        kind = stored.get(crossing.kernel)
        if kind != STORED[number]:
            raise NothingHappened(
                f"MixedPrecision expects {STORED[number]} weights in {crossing.layer or crossing.output}. Received: "
                f"{kind or 'no such tensor'}. Give it other bits: litert-quantizer has no {crossing.op} of these."
            )


def _kernel_types(model: Any) -> dict[str, str]:
    from ai_edge_litert import schema_py_generated as schema

    names = {value: name for name, value in vars(schema.TensorType).items() if isinstance(value, int)}
    return {tflite.text_of(tensor.name): names[tensor.type] for tensor in model.subgraphs[0].tensors}


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """The quantizer prints its progress, whatever its settings say, and warns of how it watches a model."""
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.filterwarnings("ignore", message=".*experimental_preserve_all_tensors")
        yield
