"""A .tflite in memory, run over a few examples by the CPU's built-in kernels, inputs and outputs by name.

It is what exporters hold a new file against its model with, before the file has a name. Checks of a file that exists
run in child processes (delegates/).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .tensors import TensorType, dequantize, named_tensors, quantize

if TYPE_CHECKING:
    import numpy as np


class FileRun:
    """The interpreter without delegates, for one example at a time.

    Args:
      content: of the file.
      keeps_all: whether what operations give on the way can be read, too. Defaults to False.
      forgets: whether variables are reset before each example, as few apps do. Defaults to False.
      states: names of inputs, each with the output that it is given of the example before; zeros of the first. They are
        neither among `inputs` nor `outputs`. Defaults to none.

    Raises:
      ValueError, RuntimeError: the file does not load.
    """

    def __init__(
        self,
        content: bytes,
        keeps_all: bool = False,
        forgets: bool = False,
        states: Sequence[tuple[str, str]] = (),
    ) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        self._interpreter = Interpreter(
            model_content=content,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            experimental_preserve_all_tensors=keeps_all,
        )
        inputs, outputs = named_tensors(self._interpreter)
        self._states = [(inputs[given], outputs[made]) for given, made in states]
        self._inputs = {name: details for name, details in inputs.items() if name not in dict(states)}
        self._outputs = {name: each for name, each in outputs.items() if name not in {made for _, made in states}}
        self._fresh, self._forgets = True, forgets

    @property
    def inputs(self) -> dict[str, TensorType]:
        """The inputs by name."""
        return {name: TensorType.of(details, name) for name, details in self._inputs.items()}

    @property
    def output_types(self) -> dict[str, TensorType]:
        """The outputs by name."""
        return {name: TensorType.of(details, name) for name, details in self._outputs.items()}

    def output_indices(self) -> dict[str, int]:
        """The numbers of the tensors that are the outputs, by name."""
        return {name: int(details["index"]) for name, details in self._outputs.items()}

    def outputs(self, examples: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What the file gives for examples (N, ...), by the names of its outputs, as real numbers.

        Raises:
          ValueError, RuntimeError: the file does not run.
        """
        import numpy as np

        rows: dict[str, list[np.ndarray]] = {name: [] for name in self._outputs}
        for _ in self._runs(examples):
            for name, details in self._outputs.items():
                rows[name].append(self._read(details))
        return {name: np.stack([_without_batch(row) for row in found]) for name, found in rows.items()}

    def tensors(self, examples: Mapping[str, np.ndarray], indices: Sequence[int]) -> dict[int, np.ndarray]:
        """What operations give for the examples, by the number of the tensor; of a file that keeps all."""
        import numpy as np

        details = {int(each["index"]): each for each in self._interpreter.get_tensor_details()}
        rows: dict[int, list[np.ndarray]] = {index: [] for index in indices}
        for _ in self._runs(examples):
            for index, found in rows.items():
                found.append(self._read(details[index]))
        return {index: np.stack([_without_batch(row) for row in found]) for index, found in rows.items()}

    def operations(self) -> list[tuple[str, str, int]]:
        """The operations in order: the name of each, the name and the number of the first tensor that it gives."""
        names = {int(each["index"]): str(each["name"]) for each in self._interpreter.get_tensor_details()}
        operations = self._interpreter._get_ops_details()
        firsts = [(str(each["op_name"]), int(each["outputs"][0])) for each in operations if len(each["outputs"])]
        return [(op, names[index], index) for op, index in firsts if index in names]

    def kinds(self) -> dict[int, TensorType]:
        """The types of all tensors by number; of one with a scale for each channel the scale is 0."""
        details = self._interpreter.get_tensor_details()
        return {int(each["index"]): TensorType.of(each, str(each["name"])) for each in details}

    def operators(self) -> list[tuple[str, tuple[int, ...], tuple[int, ...]]]:
        """The operations of the main graph: the name of each, the numbers of what it takes (-1 for none) and gives."""
        operations = self._interpreter._get_ops_details()
        return [(str(each["op_name"]), _numbers(each["inputs"]), _numbers(each["outputs"])) for each in operations]

    def int8_constant(self, index: int) -> tuple[np.ndarray, int] | None:
        """A constant of int8 as real numbers, and how many scales it has; None for one of another type."""
        import numpy as np

        details = {int(each["index"]): each for each in self._interpreter.get_tensor_details()}[index]
        settings = details["quantization_parameters"]
        if details["dtype"] is not np.int8 or not len(settings["scales"]):
            return None
        values = self._interpreter.get_tensor(index)
        shape = [1] * values.ndim
        if len(settings["scales"]) > 1:
            shape[settings["quantized_dimension"]] = -1
        scales, points = (np.asarray(settings[name]).reshape(shape) for name in ("scales", "zero_points"))
        real: np.ndarray = (values.astype("float32") - points.astype("float32")) * scales
        return real, len(settings["scales"])

    def _runs(self, examples: Mapping[str, np.ndarray]) -> Iterator[None]:
        import numpy as np

        given = in_order(examples, list(self._inputs))
        kinds = self.inputs
        for name, details in self._inputs.items():
            shape = [1, *given[name].shape[1:]]
            if list(details["shape"]) != shape:  # a length that the file leaves open
                self._interpreter.resize_tensor_input(details["index"], shape)
                self._fresh = True
        if self._fresh:
            self._interpreter.allocate_tensors()
            self._fresh = False
        kept = [quantize(np.zeros(state["shape"], "float32"), TensorType.of(state)) for state, _ in self._states]
        for number in range(len(next(iter(given.values())))):
            if self._forgets:
                self._interpreter.reset_all_variables()
            for name, kind in kinds.items():
                example = given[name][number : number + 1]
                untouched = example.dtype == kind.dtype and not kind.scale
                encoded = example if untouched else quantize(example, kind)
                self._interpreter.set_tensor(self._inputs[name]["index"], encoded)
            for (state, _), values in zip(self._states, kept, strict=True):
                self._interpreter.set_tensor(state["index"], values)
            self._interpreter.invoke()
            yield
            kept = [self._handed_on(state, made) for state, made in self._states]

    def _handed_on(self, given: Mapping[str, Any], made: Mapping[str, Any]) -> np.ndarray:
        """What an output gave, as an input takes it: the two may have other scales."""
        values: np.ndarray = self._interpreter.get_tensor(made["index"])
        if given["quantization"] == made["quantization"]:
            return values
        return quantize(dequantize(values, TensorType.of(made)), TensorType.of(given))

    def _read(self, details: Mapping[str, Any]) -> np.ndarray:
        values = self._interpreter.get_tensor(details["index"])
        return dequantize(values, TensorType.of(details)) if TensorType.of(details).scale else values


def _numbers(indices: Sequence[Any]) -> tuple[int, ...]:
    return tuple(int(index) for index in indices)


def _without_batch(values: np.ndarray) -> np.ndarray:
    return values[0] if values.shape[:1] == (1,) else values


def in_order(named: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The same values by other names: by these where they are the same, else in their order.

    >>> in_order({"a": 1, "b": 2}, ["b", "a"]), in_order({"a": 1, "b": 2}, ["x", "y"])
    ({'b': 2, 'a': 1}, {'x': 1, 'y': 2})
    """
    if set(named) == set(names):
        return {name: named[name] for name in names}
    return dict(zip(names, named.values(), strict=True))


def num_examples(shapes: Sequence[Sequence[int | None]], most: int = 32, least: int = 8, numbers: int = 1 << 20) -> int:
    """How many examples of these shapes (batch, ...) are few enough to be cheap: `most`, or fewer of large ones.

    >>> num_examples([(None, 32, 32, 3)]), num_examples([(None, 224, 224, 3)])
    (32, 8)
    """
    size = sum(math.prod(axis or 1 for axis in shape[1:]) for shape in shapes)
    return max(least, min(most, numbers // max(1, size)))
