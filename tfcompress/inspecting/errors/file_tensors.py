"""What a .tflite computes on its way: the outputs of its operations with kernels, read in a child process.

`python -m tfcompress.inspecting.errors.file_tensors FOLDER` is the child; it reads `job.json` and `inputs.npy` there
and writes `seen.json` and arrays. It imports NumPy and ai_edge_litert, never TensorFlow.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...backend.child import die_with_parent, last_words, run_limited
from ...backend.search_path import for_children
from ...core.errors import UnreadableModel, UnsupportedModel
from ...core.temporaries import in_temporary_folder
from ...measuring import tflite
from ...measuring.layer_map import layer_ops

if TYPE_CHECKING:
    import numpy as np

TIME_LIMIT_S = 600.0
TENSOR_BYTES = 256 << 20  # of all kept outputs, as they are stored in the file


@dataclasses.dataclass(frozen=True)
class FileOperation:
    """An operation with a kernel: which layer it is by its name, what it has built in, and what was kept of it."""

    number: int
    op: str
    layer: str | None
    activation: str  # built in: "NONE", "RELU", "RELU6", "RELU_N1_TO_1", "TANH", "SIGN_BIT"
    stored_as: str  # the type of the kernel in the file: "int8", "int4", "float32", ...
    computes: str  # the type of its output
    scale: float = 0.0  # of its output; 0 where that is not quantized
    zero_point: int = 0


@dataclasses.dataclass(frozen=True)
class FileTensors:
    """A file's predictions for N examples, (N, ...), and the outputs of operations for the first `num_kept`."""

    operations: tuple[FileOperation, ...]
    predictions: np.ndarray
    num_kept: int
    folder: Path

    def kernel(self, operation: FileOperation) -> np.ndarray | None:
        """The kernel in float32, in the file's layout; None where its type is none that can be read."""
        return self._array(f"kernel-{operation.number}.npy")

    def output(self, operation: FileOperation, begin: int, end: int) -> np.ndarray:
        """Its output for these of the kept examples, float32."""
        stored = self._array(f"output-{operation.number}.npy")
        values = stored[begin:end].astype("float32")
        return (values - operation.zero_point) * operation.scale if operation.scale else values

    def _array(self, name: str) -> Any:
        import numpy as np

        path = self.folder / name
        return np.load(path, mmap_mode="r") if path.exists() else None


@contextlib.contextmanager
def tensors_of(path: Path, inputs: np.ndarray, layers: Collection[str], num_kept: int) -> Iterator[FileTensors]:
    """Runs a .tflite over `inputs` (N, ...) in a child process; what it kept lies in a folder until the block ends.

    Args:
      path: the file, which has one input and one output.
      inputs: as the float model sees them.
      layers: the names of its layers with kernels.
      num_kept: of how many examples the outputs of operations are kept, or fewer where they would be too large.

    Raises:
      UnreadableModel: when the file does not load or run.
      UnsupportedModel: when it takes other inputs, or several.
    """
    import numpy as np

    with in_temporary_folder("run") as folder:
        job = {"model": str(path.resolve()), "layers": sorted(layers), "num_kept": num_kept}
        (folder / "job.json").write_text(json.dumps(job))
        np.save(folder / "inputs.npy", inputs)
        command = [sys.executable, "-m", "tfcompress.inspecting.errors.file_tensors", str(folder)]
        end = run_limited(command, TIME_LIMIT_S, folder, {"PYTHONPATH": for_children()})
        if end.death:
            raise UnreadableModel(f"{path} cannot be run: its process {end.death}. Export the file again.")
        seen = json.loads((folder / "seen.json").read_text())
        if "unlike" in seen:
            raise UnsupportedModel(f"{path} cannot be compared: {seen['unlike']}. Give the file made of this model.")
        if "failure" in seen:
            raise UnreadableModel(f"{path} does not run on the CPU: {seen['failure']}. Export the file again.")
        operations = tuple(FileOperation(**fields) for fields in seen["operations"])
        yield FileTensors(operations, np.load(folder / "predictions.npy"), seen["num_kept"], folder)


def main(folder: Path) -> None:
    """The child: the operations of the file as JSON, their kernels and outputs as arrays."""
    die_with_parent()
    job = json.loads((folder / "job.json").read_text())
    try:
        seen = _look(Path(job["model"]), job["layers"], job["num_kept"], folder)
    except (ValueError, RuntimeError, OSError) as error:
        seen = {"failure": last_words(str(error)) or type(error).__name__}
    (folder / "seen.json").write_text(json.dumps(seen))


def _look(path: Path, layers: list[str], num_kept: int, folder: Path) -> dict[str, Any]:
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    from ...measuring.tensors import TensorType, dequantize, quantize

    inputs = np.load(folder / "inputs.npy", mmap_mode="r")
    interpreter = Interpreter(
        str(path),
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,  # else the memory of one output is used again for the next
        num_threads=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
    )
    ends = interpreter.get_input_details(), interpreter.get_output_details()
    if [len(details) for details in ends] != [1, 1]:
        return {"unlike": f"it has {len(ends[0])} inputs and {len(ends[1])} outputs, and one of each is known"}
    ((given,), (output,)) = ends
    shape = (1, *(int(size) for size in given["shape"][1:]))
    if shape != (1, *inputs.shape[1:]):
        return {"unlike": f"it takes {shape[1:]}, and the Keras model {inputs.shape[1:]}"}
    if int(given["shape"][0]) != 1:
        interpreter.resize_tensor_input(given["index"], shape)
    interpreter.allocate_tensors()
    operations = _operations(path, layers, folder)
    details = {int(entry["index"]): entry for entry in interpreter.get_tensor_details()}
    sizes = [int(np.prod(details[index]["shape"])) * np.dtype(details[index]["dtype"]).itemsize for index in operations]
    num_kept = max(1, min(num_kept, len(inputs), TENSOR_BYTES // max(1, sum(sizes))))
    kept = {
        index: np.lib.format.open_memmap(
            folder / f"output-{fields['number']}.npy",
            mode="w+",
            dtype=details[index]["dtype"],
            shape=(num_kept, *map(int, details[index]["shape"])),
        )
        for index, fields in operations.items()
    }
    takes, gives = TensorType.of(given), TensorType.of(output)
    predictions = []
    for number, example in enumerate(inputs):
        interpreter.reset_all_variables()
        interpreter.set_tensor(given["index"], quantize(example[None], takes))
        interpreter.invoke()
        predictions.append(dequantize(interpreter.get_tensor(output["index"]), gives))
        if number < num_kept:
            for index, rows in kept.items():
                rows[number] = interpreter.get_tensor(index)
    np.save(folder / "predictions.npy", np.concatenate(predictions))
    for index, fields in operations.items():
        scale, zero_point = details[index]["quantization"]
        fields |= {"scale": float(scale), "zero_point": int(zero_point)}
        fields["computes"] = np.dtype(details[index]["dtype"]).name
    return {"operations": list(operations.values()), "num_kept": num_kept}


def _operations(path: Path, layers: list[str], folder: Path) -> dict[int, dict[str, Any]]:
    """By the tensor that it gives, each operation with a kernel; writes the kernels."""
    import numpy as np

    found = layer_ops(path, layers)

    def look(model: Any) -> dict[int, dict[str, Any]]:
        graph = model.subgraphs[0]
        names = [tflite.op_name(model.operatorCodes[op.opcodeIndex]) for op in graph.operators]
        producers = {int(o): (name, op) for name, op in zip(names, graph.operators, strict=True) for o in op.outputs}
        operations = {}
        for crossing in found:
            operator = graph.operators[crossing.number]
            index = tflite.stored_tensor(int(operator.inputs[tflite.KERNEL_INPUT[crossing.op]]), producers)
            kernel = _dequantized(model, graph.tensors[index])
            if kernel is not None:
                np.save(folder / f"kernel-{crossing.number}.npy", kernel)
            operations[int(operator.outputs[0])] = {
                "number": crossing.number,
                "op": crossing.op,
                "layer": crossing.layer,
                "activation": _activation(operator.builtinOptions),
                "stored_as": _dtype(graph.tensors[index]),
            }
        return operations

    return tflite.look_into(path, look)


def _dequantized(model: Any, tensor: Any) -> np.ndarray | None:
    """A kernel as real numbers, scale (q - zero_point) channel by channel where it has several scales."""
    import numpy as np

    values = tflite.constant(model, tensor)
    quantization = tensor.quantization
    if values is None or quantization is None or quantization.scale is None or not len(quantization.scale):
        return None if values is None else values.astype("float32")
    shape = [1] * values.ndim
    if len(quantization.scale) > 1:
        shape[quantization.quantizedDimension] = -1
    points = np.zeros(1) if quantization.zeroPoint is None else np.asarray(quantization.zeroPoint)
    centred = values.astype("float32") - points.astype("float32").reshape(shape if len(points) > 1 else -1)
    return centred * np.asarray(quantization.scale, "float32").reshape(shape)


def _activation(options: Any) -> str:
    from ai_edge_litert import schema_py_generated as schema

    names = {value: name for name, value in vars(schema.ActivationFunctionType).items() if isinstance(value, int)}
    return names.get(getattr(options, "fusedActivationFunction", 0), "NONE")


def _dtype(tensor: Any) -> str:
    from ai_edge_litert import schema_py_generated as schema

    names = {value: name for name, value in vars(schema.TensorType).items() if isinstance(value, int)}
    return names[tensor.type].lower()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
