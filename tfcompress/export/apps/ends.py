"""Other inputs and outputs for a finished .tflite: operations before its inputs and behind its outputs.

An input that took `stored * scale + offset` takes what is stored. Of a file with int8 inputs that is, for bytes, a map
from 256 numbers to 256 numbers. Where a QUANTIZE makes this very map, the input's quantization holds scale and offset;
else the map is a table that GATHER looks up, for each channel where they differ. Both are exact, whatever the rounding.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...measuring.tensors import Encoder, TensorType

if TYPE_CHECKING:
    import numpy as np

BYTES = 256
# Scale and zero point of what SOFTMAX and LOGISTIC give, which their integer kernels ask for.
PROBABILITIES = {"int8": (1 / 256, -128), "int16": (1 / 32768, 0)}
OTHER_TYPES = {"float32": "FLOAT32", "uint8": "UINT8", "int8": "INT8", "int16": "INT16", "int32": "INT32"}


@dataclasses.dataclass(frozen=True)
class Rule:
    """What the data makes of stored numbers, `stored * scale + offset`: a number, or one for each channel."""

    scale: tuple[float, ...]
    offset: tuple[float, ...]

    @property
    def is_one(self) -> bool:
        """Whether all channels have the same."""
        return len(self.scale) == 1 and len(self.offset) == 1

    @property
    def zero_point(self) -> int | None:
        """The byte that stands for zero; None where none does, or channels differ.

        >>> Rule((1 / 255,), (0.0,)).zero_point, Rule((1.0,), (-128.0,)).zero_point, Rule((2.0,), (-1.0,)).zero_point
        (0, 128, None)
        """
        if not self.is_one or self.scale[0] == 0:
            return None
        point = -self.offset[0] / self.scale[0]
        return round(point) if abs(point - round(point)) < 1e-6 and 0 <= round(point) < BYTES else None

    def encoder(self, kind: TensorType) -> Encoder:
        """From what is stored to an input tensor, as the checks and apps do it."""
        scale, offset = (each[0] if len(each) == 1 else each for each in (self.scale, self.offset))
        return Encoder(scale, offset, kind)


class Surgeon:
    """A .tflite that is taken apart, changed, and put together again.

    Args:
      content: of the file.
    """

    def __init__(self, content: bytes):
        from ai_edge_litert import schema_py_generated as schema

        self._schema = schema
        self.model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(bytearray(content)))
        self.graph = self.model.subgraphs[0]

    def content(self) -> bytes:
        """The file as it is now."""
        import flatbuffers

        builder = flatbuffers.Builder(2**16)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def raw_input(self, position: int, number: str, rule: Rule, kind: TensorType) -> str:
        """Lets an input take what is stored, as `number` ("uint8" or "float32").

        Args:
          position: of the input.
          number: its new type.
          rule: what was done to stored numbers before.
          kind: the input as it is.

        Returns:
          How the rule is kept, in words.
        """
        old = int(self.graph.inputs[position])
        target = self.graph.tensors[old]
        new = self._tensor(f"{_text(target.name)}_stored", number, target.shape)
        steps, how = self._steps(new, old, number, rule, kind)
        self.graph.operators = [*steps, *self.graph.operators]
        inputs = [int(index) for index in self.graph.inputs]
        inputs[position] = new
        self.graph.inputs = inputs
        for signature in self.model.signatureDefs or ():
            for each in signature.inputs:
                each.tensorIndex = new if each.tensorIndex == old else each.tensorIndex
        return how

    def activate(self, position: int, activation: str) -> None:
        """Puts SOFTMAX or LOGISTIC behind an output."""
        old = int(self.graph.outputs[position])
        before = self.graph.tensors[old]
        number = self._type_of(before)
        quantization = PROBABILITIES.get(number)
        new = self._tensor(f"{_text(before.name)}_{activation}", number, before.shape, quantization)
        if activation == "softmax":
            options = self._schema.SoftmaxOptionsT()
            options.beta = 1.0
            step = self._operator("SOFTMAX", [old], new, 2, options, "SoftmaxOptions")
        else:
            step = self._operator("LOGISTIC", [old], new, 2)
        self._replace_output(position, old, new, step)

    def float_output(self, position: int) -> None:
        """Puts a DEQUANTIZE behind an integer output."""
        old = int(self.graph.outputs[position])
        before = self.graph.tensors[old]
        new = self._tensor(f"{_text(before.name)}_float", "float32", before.shape)
        self._replace_output(position, old, new, self._operator("DEQUANTIZE", [old], new, 2))

    def _replace_output(self, position: int, old: int, new: int, step: Any) -> None:
        self.graph.operators = [*self.graph.operators, step]
        outputs = [int(index) for index in self.graph.outputs]
        outputs[position] = new
        self.graph.outputs = outputs
        for signature in self.model.signatureDefs or ():
            for each in signature.outputs:
                each.tensorIndex = new if each.tensorIndex == old else each.tensorIndex

    def _steps(self, new: int, old: int, number: str, rule: Rule, kind: TensorType) -> tuple[list[Any], str]:
        """The operations from the new input to the old one, and how they keep the rule."""
        import numpy as np

        shape, point = self.graph.tensors[old].shape, rule.zero_point
        if number == "uint8" and point is not None:
            made = self.graph.tensors[new]
            if not kind.scale:
                made.quantization = self._quantization(rule.scale[0], point)
                return [self._operator("DEQUANTIZE", [new], old, 2)], "in the input's quantization"
            if kind.dtype == "int8" and self._is_quantize(rule, kind, point):
                made.quantization = self._quantization(rule.scale[0], point)
                return [self._operator("QUANTIZE", [new], old, 2)], "in the input's quantization"
        values, steps = new, []
        if number == "uint8":
            # DEQUANTIZE and not CAST, which no microcontroller has for uint8. A byte stands for itself.
            self.graph.tensors[new].quantization = self._quantization(1.0, 0)
            values = self._tensor("stored_float", "float32", shape)
            steps.append(self._operator("DEQUANTIZE", [new], values, 1))
            if kind.dtype == "int8" and kind.scale:
                return [*steps, *self._table_steps(values, old, rule, kind)], "by a table (CAST, GATHER)"
        scaled = self._tensor("stored_scaled", "float32", shape)
        scale = self._constant("stored_scale", np.asarray(rule.scale, "float32"))
        steps.append(self._operator("MUL", [values, scale], scaled, 1, self._schema.MulOptionsT(), "MulOptions"))
        offset = self._constant("stored_offset", np.asarray(rule.offset, "float32"))
        real = self._tensor("stored_real", "float32", shape) if kind.scale else old
        steps.append(self._operator("ADD", [scaled, offset], real, 1, self._schema.AddOptionsT(), "AddOptions"))
        if kind.scale:
            steps.append(self._operator("QUANTIZE", [real], old, 1 if kind.dtype == "int8" else 2))
        return steps, "by operations in float (MUL, ADD)"

    def _table_steps(self, values: int, old: int, rule: Rule, kind: TensorType) -> list[Any]:
        """The operations that look bytes up, of which `values` has the numbers: a row of 256 entries for each rule."""
        import numpy as np

        shape = self.graph.tensors[old].shape
        num_rows = max(len(rule.scale), len(rule.offset))
        every = np.repeat(np.arange(BYTES, dtype="uint8")[:, None], num_rows, axis=1)
        table = np.ascontiguousarray(np.asarray(rule.encoder(kind)(every), "int8").T).reshape(-1)
        options = self._schema.GatherOptionsT()
        rows = self._constant("byte_table", table, (kind.scale, kind.zero_point))
        index = self._tensor("stored_index", "int32", shape)
        steps = [self._cast(values, index, "float32", "int32")]
        if num_rows > 1:  # channels are the last axis
            begin = self._constant("channel_begin", BYTES * np.arange(num_rows, dtype="int32"))
            place = self._tensor("stored_place", "int32", shape)
            steps.append(self._operator("ADD", [index, begin], place, 1, self._schema.AddOptionsT(), "AddOptions"))
            index = place
        return [*steps, self._operator("GATHER", [rows, index], old, 2, options, "GatherOptions")]

    def _is_quantize(self, rule: Rule, kind: TensorType, point: int) -> bool:
        """Whether QUANTIZE from bytes makes what the checks make of them, all 256."""
        import numpy as np
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        tiny = copy.copy(self)
        schema = self._schema
        tiny.model, tiny.graph = schema.ModelT(), schema.SubGraphT()
        tiny.model.version, tiny.model.operatorCodes = 3, []
        tiny.model.buffers, tiny.model.subgraphs = [schema.BufferT()], [tiny.graph]
        tiny.graph.tensors = []
        given = tiny._tensor("bytes", "uint8", [BYTES], (rule.scale[0], point))
        made = tiny._tensor("integers", "int8", [BYTES], (kind.scale, kind.zero_point))
        tiny.graph.operators = [tiny._operator("QUANTIZE", [given], made, 2)]
        tiny.graph.inputs, tiny.graph.outputs = [given], [made]
        without = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        run = Interpreter(model_content=tiny.content(), experimental_op_resolver_type=without)
        run.allocate_tensors()
        every = np.arange(BYTES, dtype="uint8")
        run.set_tensor(given, every)
        run.invoke()
        return bool(np.array_equal(run.get_tensor(made), rule.encoder(kind)(every)))

    def _cast(self, given: int, made: int, before: str, after: str) -> Any:
        options = self._schema.CastOptionsT()
        types = self._schema.TensorType
        options.inDataType, options.outDataType = (getattr(types, OTHER_TYPES[each]) for each in (before, after))
        return self._operator("CAST", [given], made, 1, options, "CastOptions")

    def _tensor(
        self, name: str, number: str, shape: Sequence[int], quantization: tuple[float, int] | None = None
    ) -> int:
        made = self._schema.TensorT()
        made.name, made.shape = name.encode(), [int(size) for size in shape]
        made.type, made.buffer = getattr(self._schema.TensorType, OTHER_TYPES[number]), 0
        made.quantization = None if quantization is None else self._quantization(*quantization)
        self.graph.tensors.append(made)
        return len(self.graph.tensors) - 1

    def _constant(self, name: str, values: np.ndarray, quantization: tuple[float, int] | None = None) -> int:
        index = self._tensor(name, values.dtype.name, values.shape, quantization)
        data = self._schema.BufferT()
        data.data = list(values.tobytes())
        self.model.buffers.append(data)
        self.graph.tensors[index].buffer = len(self.model.buffers) - 1
        return index

    def _quantization(self, scale: float, zero_point: int) -> Any:
        made = self._schema.QuantizationParametersT()
        made.scale, made.zeroPoint = [scale], [zero_point]
        return made

    def _operator(
        self, name: str, inputs: list[int], output: int, version: int, options: Any = None, options_type: str = ""
    ) -> Any:
        made = self._schema.OperatorT()
        made.opcodeIndex = self._code(getattr(self._schema.BuiltinOperator, name), version)
        made.inputs, made.outputs = inputs, [output]
        if options is not None:
            made.builtinOptions = options
            made.builtinOptionsType = getattr(self._schema.BuiltinOptions, options_type)
        return made

    def _code(self, builtin: int, version: int) -> int:
        for index, code in enumerate(self.model.operatorCodes):
            if code.builtinCode == builtin and code.version >= version:
                return index
        code = self._schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = builtin
        code.version = version
        self.model.operatorCodes.append(code)
        return len(self.model.operatorCodes) - 1

    def _type_of(self, tensor: Any) -> str:
        known = {getattr(self._schema.TensorType, name): number for number, name in OTHER_TYPES.items()}
        return known.get(tensor.type, "")


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name
