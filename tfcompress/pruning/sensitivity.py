"""How much each layer can lose: accuracy and loss against sparsity, a layer at a time, without training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import InvalidValue
from ..core.kept_points import KeptPoints
from ..core.keras import copy_model, tf
from ..core.outputs import logits_from
from ..core.spread import spread
from ..core.types import Data
from .masks import keep_largest
from .scores.evidence import NOTHING, Evidence, Score
from .scores.l1 import L1Score
from .sensitivity_result import Point, Sensitivity
from .targets import PRUNED_KINDS, Target, targets

if TYPE_CHECKING:
    import numpy as np

SPARSITIES = (0.25, 0.5, 0.75, 0.9)
BATCH_SIZE = 256
MAGNITUDE = L1Score()


def scan(
    model: Any,
    data: Data,
    sparsities: Sequence[float] = SPARSITIES,
    cache: Path | str | None = None,
    score: Score = MAGNITUDE,
    num_examples: int = 1024,
) -> Sensitivity:
    """Measures `model` with one layer pruned at a time, to each of `sparsities`; the model is unchanged.

    Judged on examples spread evenly over the training split, since the ratios that come of it are a choice and the test
    split is none to choose by.

    Args:
      model: a trained float tf_keras classifier that gives logits or probabilities.
      data: what it was trained on.
      sparsities: shares of zeros in a layer's kernels, each in (0, 1). Defaults to (0.25, 0.5, 0.75, 0.9).
      cache: a folder in which each measurement is kept at once, in a file named after what was measured: weights, data,
        score and number of examples. A scan that was killed goes on where it was, and one with more sparsities
        measures these only. None keeps nothing. Defaults to None.
      score: what a weight is worth; one that needs nothing but the kernel. Defaults to `L1Score()`, magnitude.
      num_examples: at least 1; all when there are fewer. Defaults to 1024.

    Returns:
      A `Sensitivity`: a table, a plot, and ratios for `per_layer` of the techniques.

    Raises:
      InvalidValue: for a value out of range.
      UnsupportedModel: when the model has no kernel, or is quantization-aware.

    Example:

    >>> import tfcompress as tfc
    >>> result = scan(tfc.simple_cnn((8, 8, 1), width=2), tfc.Digits(num_examples=32), sparsities=(0.5,))
    >>> [(point.layer, point.sparsity) for point in result.points][:2]
    [('conv1', 0.5), ('conv2', 0.5)]

    Reference: Han et al., "Learning both weights and connections", 2015, https://arxiv.org/abs/1506.02626, figure 6
    """
    _check(sparsities, score, num_examples)
    judged = copy_model(model)
    by_layer: dict[str, list[Target]] = {}
    for target in targets(judged, "scan").values():
        if target.kind in PRUNED_KINDS:
            by_layer.setdefault(target.layer.name, []).append(target)
    judge = _Judge(judged, data, num_examples)
    known = KeptPoints(cache, "sensitivity", judged, [data, score, num_examples], Point, ("layer", "sparsity"))
    base = known.find("", 0.0) or known.keep(_point("", 0.0, 0, judge))
    points = []
    for layer, kernels in by_layer.items():
        for sparsity in sorted(set(sparsities)):
            point = known.find(layer, sparsity)
            points.append(point or known.keep(_measure(layer, kernels, sparsity, score, judge)))
    return Sensitivity(base.accuracy, base.loss, tuple(points), judge.num_examples)


def _check(sparsities: Sequence[float], score: Score, num_examples: int) -> None:
    if not sparsities or not all(0 < sparsity < 1 for sparsity in sparsities):
        raise InvalidValue(f"scan.sparsities must be shares in (0, 1). Received: {sparsities!r}. Use {SPARSITIES}.")
    if score.needs != NOTHING:
        raise InvalidValue(
            f"scan.score must need nothing but the kernel. Received: {type(score).__name__}, which needs a "
            f"{score.needs}. Use L1Score()."
        )
    if num_examples < 1:
        raise InvalidValue(f"scan.num_examples must be at least 1. Received: {num_examples!r}. Use 1024.")


def _measure(layer: str, kernels: list[Target], sparsity: float, score: Score, judge: _Judge) -> Point:
    import numpy as np

    before = [target.variable.numpy() for target in kernels]
    try:
        for target, values in zip(kernels, before, strict=True):
            worth = score(values, Evidence(target.name, target.output_axis))
            (mask,) = keep_largest({target.name: worth}, sparsity, score.in_groups).values()
            target.variable.assign(np.where(mask, values, 0))
        return _point(layer, sparsity, sum(values.size for values in before), judge)
    finally:
        for target, values in zip(kernels, before, strict=True):
            target.variable.assign(values)


def _point(layer: str, sparsity: float, size: int, judge: _Judge) -> Point:
    accuracy, loss = judge()
    return Point(layer, sparsity, size, accuracy, loss)


class _Judge:
    """Accuracy and mean cross-entropy of a model, as its weights are when asked."""

    def __init__(self, model: Any, data: Data, num_examples: int) -> None:
        split = data.train
        chosen = spread(len(split), num_examples)
        self.num_examples = len(chosen)
        self._inputs = [data.model_inputs(split.inputs[part]) for part in _parts(chosen)]
        self._labels = [tf.constant(split.labels[part], tf.int32) for part in _parts(chosen)]
        logits = logits_from(model)

        @tf.function(reduce_retracing=True)
        def sums(inputs: Any, labels: Any) -> Any:
            outputs = logits(model(inputs, training=False))
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, outputs)
            right = tf.argmax(outputs, -1, tf.int32) == labels
            return tf.reduce_sum(tf.cast(right, tf.float32)), tf.reduce_sum(losses)

        self._sums = sums

    def __call__(self) -> tuple[float, float]:
        sums = [self._sums(*batch) for batch in zip(self._inputs, self._labels, strict=True)]
        right, loss = (sum(float(value) for value in values) for values in zip(*sums, strict=True))
        return right / self.num_examples, loss / self.num_examples


def _parts(chosen: np.ndarray) -> Iterator[np.ndarray]:
    for begin in range(0, len(chosen), BATCH_SIZE):
        yield chosen[begin : begin + BATCH_SIZE]
