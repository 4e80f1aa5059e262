"""What a file's int8 grids do to a float model, one tensor at a time: to itself, and alone to the predictions."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..backend.tensorflow import keras, tf
from ..core.tasks.metrics import closeness
from ..graph.output_chain import output_chains
from ..inspecting.errors.float_tensors import in_keras_layout
from ..measuring.compare import sums_of
from ..measuring.departure import layer_tensors
from ..measuring.file_run import FileRun
from ..measuring.layer_map import layer_in
from ..measuring.measure import kernel_variables, leaf_layers
from ..measuring.tensors import TensorType, dequantize, quantize
from ..measuring.tflite import KERNEL_INPUT
from ..models_io.copying import copy_model
from ..quantization.after_training.folding import gain_and_shift
from .evidence import KERNEL, Rounded

if TYPE_CHECKING:
    import numpy as np

MOST_ALONE = 8  # outputs, and kernels, that are tried alone: each is a pass over the examples
MOST_NUMBERS = 1 << 26  # of what all layers give for all examples
FARTHEST = 3  # examples that are named
SIDE = 1 / 3  # of the largest magnitude: what the other sign must reach to be a side of its own
INT8 = ("int8", "uint8")


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A tensor that the file rounds: an output with its grid, or a kernel with what the file makes of it."""

    rounded: Rounded
    grid: TensorType | None = None
    kernel: Any = None


def rounded_by(run: FileRun, model: Any, examples: Mapping[str, np.ndarray], exact: np.ndarray) -> list[Rounded]:
    """What the file rounds of a float model, the worst for the predictions first.

    Args:
      run: of the file, all of whose tensors are kept.
      model: the functional float tf_keras model that it was made of.
      examples: (N, ...) of each input, in the model's order.
      exact: the model's first output for them.
    """
    found, alone = [], _Alone(model, examples)
    for known in (list(_outputs(run, model, examples)), list(_kernels(run, model))):
        worst = sorted(known, key=lambda each: each.rounded.own_db)[:MOST_ALONE]
        for each in worst:
            decibels = closeness(exact, alone.predictions(each)).sqnr_db
            found.append(dataclasses.replace(each.rounded, predictions_db=decibels))
    return sorted(found, key=lambda each: each.predictions_db or 0.0)


def _outputs(run: FileRun, model: Any, examples: Mapping[str, np.ndarray]) -> Iterator[Candidate]:
    """The outputs of layers, with the grids that the file has for them."""
    layers, found = layer_tensors(run, model)
    kinds = run.kinds()
    found = {
        name: (op, index)
        for name, (op, index) in found.items()
        if kinds[index].scale and kinds[index].dtype.name in INT8 and layers[name].output.dtype == "float32"
    }
    if not found:
        return
    size = sum(layers[name].output.shape[1:].num_elements() or 0 for name in found)
    count = max(2, min(len(next(iter(examples.values()))), MOST_NUMBERS // max(1, size)))
    some = [array[:count] for array in examples.values()]
    watched = keras.Model(model.inputs, [layers[name].output for name in found])
    outputs = tf.nest.flatten(watched(some if len(some) > 1 else some[0], training=False))
    for (name, (op, index)), output in zip(found.items(), outputs, strict=True):
        yield Candidate(_of_output(name, layers[name], op, kinds[index], output.numpy()), kinds[index])


def _of_output(name: str, layer: Any, op: str, grid: TensorType, exact: np.ndarray) -> Rounded:
    import numpy as np

    steps = quantize(exact, grid)
    noise = (exact - dequantize(steps, grid)) ** 2
    ends = np.iinfo(grid.dtype)
    low, high = ((end - grid.zero_point) * grid.scale for end in (ends.min, ends.max))
    beyond = np.maximum(exact - (high + grid.scale / 2), (low - grid.scale / 2) - exact)
    outside = beyond > 0
    by_example = np.maximum(beyond, 0).reshape(len(exact), -1).max(axis=1)
    by_channel = exact.reshape(-1, exact.shape[-1]) if exact.ndim > 2 else exact.reshape(len(exact), -1)
    channels = np.abs(by_channel).max(axis=0)
    widest = by_channel[:, int(channels.argmax())]
    return Rounded(
        layer=name,
        type=type(layer).__name__,
        op=op,
        low=float(low),
        high=float(high),
        least=float(exact.min()),
        largest=float(exact.max()),
        usual=float(np.quantile(np.abs(exact), 0.99)),
        channels=tuple(map(float, channels)),
        two_sided=bool(min(widest.max(), -widest.min()) >= SIDE * channels.max()),
        levels=len(np.unique(steps)),
        clipped=float(outside.mean()),
        clipping=float(noise[outside].sum() / max(noise.sum(), np.finfo("float32").tiny)),
        farthest=tuple(int(number) for number in np.argsort(-by_example)[:FARTHEST] if by_example[number] > 0),
        own_db=closeness(exact, dequantize(steps, grid)).sqnr_db,
    )


def _kernels(run: FileRun, model: Any) -> Iterator[Candidate]:
    """The kernels of layers, normalization folded in, and what the file makes of them."""
    import numpy as np

    layers = {layer.name: layer for layer in leaf_layers(model) if len(kernel_variables(layer)) == 1}
    chains = output_chains(model, "advise")
    kinds = run.kinds()
    for op, inputs, _ in run.operators():
        if op not in KERNEL_INPUT or op == "EMBEDDING_LOOKUP":
            continue
        index = inputs[KERNEL_INPUT[op]]
        name = layer_in(kinds[index].name, layers)
        stored = None if name is None else run.int8_constant(index)
        if name is None or stored is None:
            continue
        values = in_keras_layout(op, stored[0], layers[name])
        (variable,) = kernel_variables(layers[name]).values()
        if values is None or values.shape != tuple(variable.shape):
            continue
        gain = _gain(chains.get(name, ()), layers[name], variable)
        exact = variable.numpy() * gain
        error = sums_of(exact, values)
        if error.cosine < 0.5:
            continue  # something else was folded into it
        magnitudes = np.abs(exact).reshape(-1, *_channels(layers[name], exact)).max(axis=0).ravel()
        rounded = Rounded(
            layer=name,
            type=type(layers[name]).__name__,
            op=op,
            what=KERNEL,
            scales=stored[1],
            least=float(exact.min()),
            largest=float(exact.max()),
            usual=float(np.quantile(np.abs(exact), 0.99)),
            channels=tuple(map(float, magnitudes)),
            levels=len(np.unique(values)),
            own_db=error.sqnr_db,
        )
        yield Candidate(rounded, kernel=np.divide(values, gain, out=np.zeros_like(values), where=gain != 0))


def _channels(layer: Any, kernel: np.ndarray) -> tuple[int, ...]:
    """The last axes of a kernel, which are its output channels."""
    return kernel.shape[-2:] if type(layer).__name__ == "DepthwiseConv2D" else kernel.shape[-1:]


def _gain(chain: tuple[Any, ...], layer: Any, variable: Any) -> np.ndarray:
    """What a normalization that follows multiplies the kernel by, in its shape."""
    import numpy as np

    norms = [each for each in chain[1:] if isinstance(each, keras.layers.BatchNormalization)]
    if not norms:
        return np.ones(variable.shape, "float32")
    gain, _ = gain_and_shift(norms[0])
    if type(layer).__name__ == "DepthwiseConv2D":
        gain = gain.reshape(variable.shape[-2:])
    elif type(layer).__name__ == "Conv2DTranspose":
        gain = gain[:, None]
    return np.broadcast_to(gain, tuple(variable.shape)).astype("float32")


class _Alone:
    """A copy of the float model, of which one tensor at a time is as the file has it."""

    def __init__(self, model: Any, examples: Mapping[str, np.ndarray]):
        self._model = copy_model(model)
        self._layers = {layer.name: layer for layer in leaf_layers(self._model)}
        arrays = list(examples.values())
        self._inputs = arrays if len(arrays) > 1 else arrays[0]

    def predictions(self, candidate: Candidate) -> np.ndarray:
        """Its first output."""
        layer = self._layers[candidate.rounded.layer]
        with self._kernel(layer, candidate.kernel) if candidate.grid is None else self._output(layer, candidate.grid):
            found: np.ndarray = tf.nest.flatten(self._model(self._inputs, training=False))[0].numpy()
        return found

    @staticmethod
    @contextlib.contextmanager
    def _kernel(layer: Any, kernel: np.ndarray) -> Iterator[None]:
        (variable,) = kernel_variables(layer).values()
        whole = variable.numpy()
        variable.assign(kernel)
        try:
            yield
        finally:
            variable.assign(whole)

    @staticmethod
    @contextlib.contextmanager
    def _output(layer: Any, grid: TensorType) -> Iterator[None]:
        before = layer.call

        def call(*arguments: Any, **options: Any) -> Any:
            outputs = before(*arguments, **options)
            return tf.numpy_function(lambda x: dequantize(quantize(x, grid), grid), [outputs], tf.float32)

        layer.call = call
        try:
            yield
        finally:
            layer.call = before
