"""The range of every tensor of a float file over some examples, also inside of loops, written into the file.

TensorFlow's calibrator (2.21, `_feed_tensors`) ends its process with SIGSEGV on the WHILE that recurrent layers become;
a related report: https://github.com/tensorflow/tensorflow/issues/59626. Its quantizer takes such a file well, if ranges
are there. So the file is run here: the main graph as it is, and then each loop once more, its condition and its body as
files of their own, step after step from what the loop was given, with all that they compute left to be read.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..core.errors import ConversionFailed
from ..core.remarks import remark
from ..measuring.file_run import in_order
from ..measuring.tensors import named_tensors
from ..measuring.tflite import op_name

if TYPE_CHECKING:
    import numpy as np

MOST_STEPS = 1 << 20  # of one loop: more is a loop that does not end
ENOUGH_STEPS = 100_000  # of all loops and examples, 20 s: long sequences say the same of a step again and again
LEAST_EXAMPLES = 16


def with_ranges(content: bytes, examples: Iterable[Any]) -> bytes:
    """A float .tflite file with the minimum and maximum of each tensor over the examples, as the quantizer reads them.

    What a loop hands on from step to step, and its initial and final values, have one range, which includes 0. Of long
    sequences fewer examples are run, with a remark.

    Args:
      content: of the file.
      examples: each a list of arrays (1, ...) in the file's order, or a dict of them by the names of inputs.

    Raises:
      ConversionFailed: for a loop that does not end.
      ValueError, RuntimeError: the file does not run.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model, ranges = ranges_of(content, examples)
    for number, graph in enumerate(model.subgraphs):
        for index, tensor in enumerate(graph.tensors):
            if (number, index) in ranges:
                low, high = ranges[number, index]
                tensor.quantization = tensor.quantization or schema.QuantizationParametersT()
                tensor.quantization.min, tensor.quantization.max = [low], [high]
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def ranges_of(content: bytes, examples: Iterable[Any]) -> tuple[Any, dict[tuple[int, int], tuple[float, float]]]:
    """The file as the schema's ModelT, and the range of its tensors by the numbers of graph and tensor; see above."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(bytearray(content)))
    graphs = _Graphs(content, model, schema)
    for number, example in enumerate(examples):
        if number >= LEAST_EXAMPLES and graphs.num_steps > ENOUGH_STEPS:
            remark(f"calibrated with {number} of the examples, which have {graphs.num_steps:,} steps of loops.")
            break
        graphs.run_example(example)
    ranges = graphs.ranges
    _give_each_its_constant(model, schema)
    _unite(model, ranges, schema)
    return model, ranges


class _Graphs:
    """The graphs of a file, each run by an interpreter of its own, and the ranges of their tensors so far."""

    def __init__(self, content: bytes, model: Any, schema: Any) -> None:
        self.ranges: dict[tuple[int, int], tuple[float, float]] = {}
        self.num_steps = 0
        self._content, self._model, self._schema = content, model, schema
        self._graphs: dict[int, _Graph] = {}

    def run_example(self, example: Any) -> None:
        """Runs the main graph, and what loops it has."""
        main = self._graph(0)
        by_name, _ = named_tensors(main.interpreter)
        if isinstance(example, Mapping):
            given = in_order(example, list(by_name))
            values = {int(by_name[name]["index"]): value for name, value in given.items()}
        else:
            details = main.interpreter.get_input_details()
            values = {int(each["index"]): value for each, value in zip(details, example, strict=True)}
        self._run(0, [values[index] for index in main.inputs])

    def _run(self, number: int, values: Sequence[Any]) -> list[np.ndarray]:
        """What a graph gives for its inputs; its ranges, and those of its loops, grow."""
        graph = self._graph(number)
        outputs = graph.run(values)
        for index in graph.float_tensors:
            self._grow(number, index, graph.read(index))
        for operator in graph.loops:
            self._follow(operator, [graph.read(int(index)) for index in operator.inputs])
        return outputs

    def _follow(self, operator: Any, values: list[np.ndarray]) -> None:
        """Runs a WHILE step by step."""
        options = operator.builtinOptions
        for _ in range(MOST_STEPS):
            (goes_on,) = self._graph(options.condSubgraphIndex).run(values)  # what it sees, the body sees
            if not goes_on.all():
                return
            values = self._run(options.bodySubgraphIndex, values)
            self.num_steps += 1
        raise ConversionFailed(
            f"A loop of the file has not ended after {MOST_STEPS} steps. No file was written. Give sequences of fewer "
            "steps, or export float32."
        )

    def _grow(self, number: int, index: int, values: np.ndarray) -> None:
        if values.size:
            low, high = self.ranges.get((number, index), (float("inf"), float("-inf")))
            self.ranges[number, index] = (min(low, float(values.min())), max(high, float(values.max())))

    def _graph(self, number: int) -> _Graph:
        if number not in self._graphs:
            content = self._content if number == 0 else _with_first(self._model, number, self._schema)
            self._graphs[number] = _Graph(content, self._model, number, self._schema)
        return self._graphs[number]


class _Graph:
    """One graph of a file, which keeps all that it computes."""

    def __init__(self, content: bytes, model: Any, number: int, schema: Any) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        self.interpreter = Interpreter(
            model_content=content,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            experimental_preserve_all_tensors=True,
        )
        self.interpreter.allocate_tensors()
        graph = model.subgraphs[number]
        self.inputs = [int(index) for index in graph.inputs]
        self._outputs = [int(index) for index in graph.outputs]
        details = self.interpreter.get_input_details()
        self._dtypes = {int(each["index"]): each["dtype"] for each in details}
        self._shapes = {int(each["index"]): tuple(map(int, each["shape"])) for each in details}
        # What a loop gives and nothing takes is not kept.
        used = {int(index) for operator in graph.operators for index in operator.inputs} | {
            *self.inputs,
            *self._outputs,
        }
        self.float_tensors = [
            index
            for index, tensor in enumerate(graph.tensors)
            if index in used and tensor.type == schema.TensorType.FLOAT32 and not _is_constant(model, tensor)
        ]
        self.loops = [
            operator for operator in graph.operators if op_name(model.operatorCodes[operator.opcodeIndex]) == "WHILE"
        ]

    def run(self, values: Sequence[Any]) -> list[np.ndarray]:
        """What it gives, in its order."""
        given = {index: value for index, value in zip(self.inputs, values, strict=True) if index in self._dtypes}
        resized = {index: value.shape for index, value in given.items() if self._shapes[index] != value.shape}
        if resized:  # what a loop gathers may grow, and lengths may be open
            for index, shape in resized.items():
                self.interpreter.resize_tensor_input(index, shape)
            self.interpreter.allocate_tensors()
            self._shapes |= resized
        for index, value in given.items():
            self.interpreter.set_tensor(index, value.astype(self._dtypes[index], copy=False))
        self.interpreter.invoke()
        return [self.read(index) for index in self._outputs]

    def read(self, index: int) -> np.ndarray:
        """A tensor of the last run; one that holds nothing, as before a first step, is empty."""
        import numpy as np

        try:
            values: np.ndarray = self.interpreter.get_tensor(index)
        except ValueError as error:
            if "Invalid tensor size" not in str(error):  # what the interpreter says of a tensor without elements
                raise
            return np.zeros(0, "float32")
        return values


def _is_constant(model: Any, tensor: Any) -> bool:
    data = model.buffers[tensor.buffer].data
    return data is not None and len(data) > 0


def _with_first(model: Any, number: int, schema: Any) -> bytes:
    """The file with another of its graphs in the place of the main one, and the main one in its place."""
    import flatbuffers

    changed = copy.copy(model)
    changed.signatureDefs = None
    places = {0: number, number: 0}
    changed.subgraphs = [model.subgraphs[places.get(each, each)] for each in range(len(model.subgraphs))]
    loops = [
        operator.builtinOptions
        for graph in model.subgraphs
        for operator in graph.operators
        if isinstance(operator.builtinOptions, schema.WhileOptionsT)
    ]
    kept = [(options.condSubgraphIndex, options.bodySubgraphIndex) for options in loops]
    for options, (condition, body) in zip(loops, kept, strict=True):
        options.condSubgraphIndex = places.get(condition, condition)
        options.bodySubgraphIndex = places.get(body, body)
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(changed.Pack(builder), b"TFL3")
    for options, (condition, body) in zip(loops, kept, strict=True):
        options.condSubgraphIndex, options.bodySubgraphIndex = condition, body
    return bytes(builder.Output())


def _give_each_its_constant(model: Any, schema: Any) -> None:
    """Makes tensors of their own for the constants that loops begin with: one of zeros is often several states'."""
    for graph in model.subgraphs:
        for operator in graph.operators:
            if isinstance(operator.builtinOptions, schema.WhileOptionsT):
                operator.inputs = [int(index) for index in operator.inputs]
                for place, index in enumerate(operator.inputs):
                    if _is_constant(model, graph.tensors[index]):
                        graph.tensors.append(copy.copy(graph.tensors[index]))
                        operator.inputs[place] = len(graph.tensors) - 1


def _unite(model: Any, ranges: dict[tuple[int, int], tuple[float, float]], schema: Any) -> None:
    """Gives what a loop hands on one range: before it and after, in its condition, and into and out of its body."""
    loops = [
        (number, operator)
        for number, graph in enumerate(model.subgraphs)
        for operator in graph.operators
        if isinstance(operator.builtinOptions, schema.WhileOptionsT)
    ]
    for _ in loops:  # a loop in a loop hands on what the outer one does
        for number, operator in loops:
            condition, body = operator.builtinOptions.condSubgraphIndex, operator.builtinOptions.bodySubgraphIndex
            parts = (
                (number, operator.inputs),
                (number, operator.outputs),
                (condition, model.subgraphs[condition].inputs),
                (body, model.subgraphs[body].inputs),
                (body, model.subgraphs[body].outputs),
            )
            for argument in range(len(operator.inputs)):
                places = [(graph, int(indices[argument])) for graph, indices in parts]
                found = [ranges[place] for place in places if place in ranges]
                if found:
                    united = min(0.0, *(low for low, _ in found)), max(0.0, *(high for _, high in found))
                    ranges.update(dict.fromkeys(places, united))
