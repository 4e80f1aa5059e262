"""AdaRound, adaptive rounding: each weight goes up or down as the layer's outputs want it, not to the nearer level.

W is a kernel, s the scale of its grid, floor(W / s) the level below each weight. V are variables, one a weight, and
h(V) in [0, 1] says how far up the weight goes: a soft choice while it is optimized, 0 or 1 at the end.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ...backend.tensorflow import keras, tf
from ...core.errors import NothingHappened, expect
from ...core.remarks import remark
from ...core.types import SPARSITY, Data, Promise
from ...data.sampling import batches
from ...graph.network import kernel_of
from ...models_io.copying import copy_model
from ..kernels import channel_axes
from ..quantizers.affine import Affine
from .folding import fold, say_what_is_left
from .layerwise import BATCH_SIZE, bend, examples, followed, linear, not_followed, read_by

if TYPE_CHECKING:
    import numpy as np


OVER, UNDER = 1.1, -0.1  # the sigmoid is stretched to this range and cut to [0, 1], so that it gets to both ends
NO_ERROR = 1e-10  # of the outputs' square: what float32 itself leaves


@dataclasses.dataclass(frozen=True, eq=False)
class RoundingChoice:
    """Where each weight of a kernel can go: to `floor` or one above, in steps of `scale`, which broadcasts over it.

    Where `free` is False it stays at `nearest`: zeros, so that they stay zeros, and the entry of largest magnitude in
    each channel, from which the converter tells the scale.
    """

    scale: np.ndarray
    floor: np.ndarray
    nearest: np.ndarray
    free: np.ndarray
    fraction: np.ndarray


def rounding_choice(kernel: np.ndarray, axes: tuple[int, ...], name: str = "kernel") -> RoundingChoice:
    """The two levels of each weight on the grid of TFLite's int8 kernels: scale = max |w| / 127 for each channel.

    Raises:
      InvalidValue: for NaN and infinity, by `name`.

    >>> import numpy as np
    >>> found = rounding_choice(np.array([[1.27, 0.0], [0.014, -0.504]], "float32"), ())
    >>> found.nearest.tolist(), found.floor.tolist()
    ([[127, 0], [1, -50]], [[126, 0], [1, -51]])
    >>> found.free.tolist()
    [[False, False], [True, True]]
    """
    import numpy as np

    nearest, grid = Affine(per_channel=bool(axes)).quantize(kernel, axes or (-1,), name)
    nearest = nearest.astype(np.int32)
    scale = grid.scale.reshape(kernel.shape[-len(axes) :]) if axes else grid.scale[0]
    steps = kernel / scale
    floor = np.clip(np.floor(steps), -127, 126).astype(np.int32)
    free = (kernel != 0) & (np.abs(nearest) != 127)
    return RoundingChoice(
        np.asarray(scale, np.float32), floor, nearest, free, np.clip(steps - floor, 0, 1).astype(np.float32)
    )


def rectified_sigmoid(value: Any) -> Any:
    """h(v) = clip(sigmoid(v) (1.1 + 0.1) - 0.1, 0, 1): how far up a weight goes.

    >>> [round(float(h), 3) for h in rectified_sigmoid(tf.constant([-9.0, 0.0, 9.0]))]
    [0.0, 0.5, 1.0]
    """
    return tf.clip_by_value(tf.sigmoid(value) * (OVER - UNDER) + UNDER, 0.0, 1.0)


def inverse_sigmoid(fraction: np.ndarray) -> np.ndarray:
    """The v of which h(v) is this fraction, where rounding starts: the soft weights are then the weights themselves."""
    import numpy as np

    return -np.log((OVER - UNDER) / (fraction - UNDER) - 1)


def sharpness(done: float, begin: float = 20.0, end: float = 2.0) -> float:
    """The exponent beta of 1 - |2h - 1|^beta after a fraction `done` of its way: half a cosine from begin to end.

    >>> [sharpness(done) for done in (0.0, 0.5, 1.0)]
    [20.0, 11.0, 2.0]
    """
    return end + (begin - end) * (1 + math.cos(math.pi * done)) / 2


@dataclasses.dataclass(frozen=True)
class AdaptiveRounding:
    """Rounds kernels to int8 so that their layers' outputs change least, layer by layer; the model is not trained.

    For a layer with inputs x, shape (N, ..., in), kernel W and activation f, in a model whose layers before it have
    been rounded, so that it will read x^ instead: the levels are floor(W / s) + h(V), and V minimizes

        E |f(W x) - f(s (floor(W / s) + h(V)) x^)|^2 / e + regularization * mean(1 - |2 h(V) - 1|^beta)

    by Adam, where h is a sigmoid stretched beyond [0, 1] and cut to it, e is the error of rounding to nearest (the
    paper has neither it nor the mean; with both, one setting fits layers of any size), and beta falls from 20 to 2, so
    that h comes to be 0 or 1. What comes out is a float model whose kernels lie on the grid of TFLite's int8, and stay
    there when `Int8` writes them: the scale is s = max |W| / 127, and the largest weight stays at 127 or -127. A layer
    that nearest rounding leaves with a smaller error than this is rounded to nearest. Batch normalization is folded
    before.

    Args:
      per_channel: as the exporter's, whether each output channel has a scale of its own. Defaults to True.
      num_examples: of the training split, at least 1. Defaults to 512.
      num_iterations: of Adam for each layer, at least 1. Defaults to 1000.
      learning_rate: of Adam, above 0. Defaults to 0.01.
      regularization: how strongly h is driven to 0 and 1, above 0. Defaults to 0.1.
      warm_up: share of the iterations without regularization, in [0, 1). Defaults to 0.2.
      batch_size: examples in an iteration, at least 1. Defaults to 32.
      seed: of the choice of examples and of their order. Defaults to 0.

    Raises:
      InvalidValue: for a value out of range.
      UnsupportedModel: for a model that is quantization-aware, or without a layer that it knows.
      NothingHappened: when all kernels lie on the grid already.

    Example:

    >>> AdaptiveRounding(num_iterations=200, per_channel=False).num_examples
    512

    Reference: Nagel, Amjad, van Baalen, Louizos and Blankevoort, "Up or down? Adaptive rounding for post-training
    quantization", 2020, https://arxiv.org/abs/2004.10568
    """

    takes: ClassVar[Literal["data"]] = "data"

    per_channel: bool = True
    num_examples: int = 512
    num_iterations: int = 1000
    learning_rate: float = 0.01
    regularization: float = 0.1
    warm_up: float = 0.2
    batch_size: int = 32
    seed: int = 0

    def __post_init__(self) -> None:
        expect(isinstance(self.per_channel, bool), self, "per_channel", "must be True or False", "Use True.")
        for field, usual in (("num_examples", 512), ("num_iterations", 1000), ("batch_size", 32)):
            value = getattr(self, field)
            whole = isinstance(value, int) and value >= 1
            expect(whole, self, field, "must be a whole number of at least 1", f"Use {usual}.")
        expect(self.learning_rate > 0, self, "learning_rate", "must be above 0", "Use 0.01.")
        expect(self.regularization > 0, self, "regularization", "must be above 0", "Use 0.1.")
        expect(0 <= self.warm_up < 1, self, "warm_up", "must be in [0, 1)", "Use 0.2.")

    @property
    def makes(self) -> frozenset[str]:
        """Nothing that a file could be held to."""
        return frozenset()

    @property
    def keeps(self) -> frozenset[str]:
        """Zeros, which are not moved."""
        return frozenset({SPARSITY})

    def promises(self, model: Any) -> tuple[Promise, ...]:
        """None."""
        return ()

    def apply(self, model: Any, data: Data) -> Any:
        """Gives a copy of `model` with rounded kernels, by examples of the training split."""
        folded = fold(model, "AdaptiveRounding")
        exact, rounded = folded.model, copy_model(folded.model)
        layers = followed(exact, "AdaptiveRounding")
        inputs = examples(model, data, self.num_examples, self.seed)
        errors = {}
        for layer in layers:
            before, after = self._round(exact, rounded, layer, inputs)
            if before > 0:
                errors[layer.name] = after / before
        if not errors:
            raise NothingHappened(
                "AdaptiveRounding expects kernels that rounding changes. Received: kernels that lie on the int8 grid "
                "already. Use it on the float model."
            )
        _remark(errors, not_followed(exact, {layer.name for layer in layers}))
        say_what_is_left(folded)
        return rounded

    def _round(self, exact: Any, rounded: Any, layer: Any, inputs: np.ndarray) -> tuple[float, float]:
        """Rounds one layer of `rounded`; gives the mean squared error of its outputs by nearest rounding, and now."""
        import numpy as np

        function = bend(exact, layer, "AdaptiveRounding")
        kernel = kernel_of(layer).numpy()
        wanted = tf.concat([function(linear(layer, x, kernel)) for x in read_by(exact, layer.name, inputs)], 0)
        read = tf.concat(list(read_by(rounded, layer.name, inputs)), 0)
        axes = channel_axes(layer, kernel_of(layer).name.split("/")[-1].split(":")[0]) if self.per_channel else ()
        options = rounding_choice(kernel, axes, layer.name)

        def error(levels: np.ndarray) -> float:
            new = tf.constant(levels.astype(np.float32) * options.scale)
            parts = zip(batches(wanted, BATCH_SIZE), batches(read, BATCH_SIZE), strict=True)
            total = (tf.reduce_sum((each - function(linear(layer, inputs, new))) ** 2) for each, inputs in parts)
            return float(sum(total)) / (tf.size(wanted).numpy() / wanted.shape[-1])

        nearest = error(options.nearest)
        if nearest <= NO_ERROR * float(tf.reduce_mean(tf.reduce_sum(wanted**2, -1))):
            nearest = 0.0
        best, least = options.nearest, nearest
        if nearest > 0 and options.free.any():
            chosen = self._choose(options, layer, function, read, wanted, nearest)
            if error(chosen) < nearest:
                best, least = chosen, error(chosen)
        kernel_of(rounded.get_layer(layer.name)).assign(best.astype(np.float32) * options.scale)
        return nearest, least

    def _choose(
        self, options: RoundingChoice, layer: Any, function: Any, read: Any, wanted: Any, scale: float
    ) -> np.ndarray:
        """The levels that Adam finds."""
        import numpy as np

        value = tf.Variable(inverse_sigmoid(options.fraction))
        floor, fixed = tf.constant(options.floor, tf.float32), tf.constant(options.nearest, tf.float32)
        free, num_free = tf.constant(options.free), float(options.free.sum())
        adam = keras.optimizers.Adam(self.learning_rate)
        adam.build([value])

        @tf.function
        def step(indices: Any, beta: Any, weight: Any) -> None:
            with tf.GradientTape() as tape:
                up = rectified_sigmoid(value)
                kernel = tf.where(free, floor + up, fixed) * options.scale
                outputs = function(linear(layer, tf.gather(read, indices), kernel))
                error = tf.reduce_mean(tf.reduce_sum((tf.gather(wanted, indices) - outputs) ** 2, -1)) / scale
                undecided = tf.where(free, 1 - tf.abs(2 * up - 1) ** beta, 0.0)
                loss = error + weight * tf.reduce_sum(undecided) / num_free
            adam.apply_gradients([(tape.gradient(loss, value), value)])

        random = np.random.default_rng(self.seed)
        begin = round(self.warm_up * self.num_iterations)
        for iteration in range(self.num_iterations):
            indices = random.integers(0, len(read), min(self.batch_size, len(read)))
            beta = sharpness(max(0, iteration - begin) / max(1, self.num_iterations - 1 - begin))
            weight = self.regularization if iteration >= begin else 0.0
            step(tf.constant(indices), tf.constant(beta, tf.float32), tf.constant(weight, tf.float32))
        up = (rectified_sigmoid(value).numpy() >= 0.5).astype(np.int32)
        return np.where(options.free, options.floor + up, options.nearest)


def _remark(errors: dict[str, float], others: tuple[str, ...]) -> None:
    best = min(errors, key=errors.__getitem__)
    kept = sum(share >= 1 for share in errors.values())
    remark(
        f"{len(errors) - kept} of {len(errors)} layers are rounded otherwise than to nearest; the squared error of "
        f"{best}'s outputs is {errors[best]:.0%} of what nearest rounding leaves."
    )
    if others:
        remark(f"Left for the exporter to round to nearest: {', '.join(others)}.")
