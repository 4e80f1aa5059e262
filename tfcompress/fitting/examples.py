"""What a training sees: the order of its examples and their augmented views, functions of (seed, epoch, example)."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from ..backend.tensorflow import tf
from ..core.contracts import KeptLogits
from ..core.errors import InvalidValue
from ..core.examples.nests import by_name, leaves, mapped
from ..core.examples.source import Source, Stream
from ..core.tasks.task import CLASSES, BoundTask, Output
from ..core.types import Augmentation, AugmentationOfTargets, Data, Mixing
from ..measuring.outputs import gives_dict, input_specs, output_specs


@dataclasses.dataclass(frozen=True)
class Views:
    """The training examples as a model sees them; `augment` changes them one after another, and may mix them last."""

    data: Data
    augment: tuple[Augmentation | Mixing, ...]
    seed: int
    failures: list[Exception] = dataclasses.field(default_factory=list, compare=False)  # of the source, while read

    @property
    def source(self) -> Source:
        """The training examples by number. Raises `InvalidValue` for a stream, which has none."""
        source: Source | Stream = self.data.train
        if isinstance(source, Stream):
            raise InvalidValue(
                "KerasFit.augment, views, Mixup and a teacher's cache need examples that can be asked for again. "
                "Received: a stream of batches. Give arrays, or data whose examples have numbers (tfc.Source)."
            )
        return source

    @property
    def mixing(self) -> Mixing | None:
        """What mixes two examples into one, if anything does."""
        return self.augment[-1] if self.augment and isinstance(self.augment[-1], Mixing) else None

    def inputs(self, view: Any, indices: Any) -> Any:
        """Inputs of the examples at `indices`, (batch, ...), in view number `view`."""
        return self.examples(view, indices)[0]

    def examples(self, view: Any, indices: Any) -> tuple[Any, ...]:
        """(inputs, targets), or with weights, of the examples at `indices`, nests of (batch, ...), in a view.

        Targets of mixed examples are the share of each class, (batch, classes).
        """
        ours = self._alone(view, indices)
        if self.mixing is None:
            return ours
        others, share = self.mixing.partners(len(self.data.train), (self.seed, view), indices)
        theirs = self._alone(view, others)
        wide = tf.reshape(share, [-1, *[1] * (len(ours[0].shape) - 1)])
        mixed, column = wide * ours[0] + (1 - wide) * theirs[0], share[:, None]
        shares = [tf.one_hot(tf.reshape(part[1], [-1]), self.data.num_classes) for part in (ours, theirs)]
        return mixed, column * shares[0] + (1 - column) * shares[1]

    def _alone(self, view: Any, indices: Any) -> tuple[Any, ...]:
        """Changed as stored, then scaled and shifted as `Data.model_inputs` says."""
        stored, *rest = self.read(indices)
        changes: tuple[Any, ...] = self.augment[:-1] if self.mixing else self.augment
        for change in changes:
            stored = change(stored, (self.seed, view), indices)
            if isinstance(change, AugmentationOfTargets) and rest:
                rest = [change.moved_targets(rest[0], (self.seed, view), indices), *rest[1:]]
        if self.data.is_scaled:
            stored = mapped(lambda x: tf.cast(x, tf.float32) * self.data.scale + self.data.offset, stored)
        return (stored, *rest)

    def read(self, indices: Any) -> tuple[Any, ...]:
        """What the source gives for `indices`, as tensors, in a tf.data pipeline too; classes as int32."""
        example = self._example
        kinds = [_kind(leaf) for leaf in leaves(example)]

        @tf.autograph.experimental.do_not_convert
        def from_source(numbers: Any) -> list[Any]:
            with noted(self.failures):
                return _as_kinds(source.batch(numbers), kinds)

        source = self.source
        read = iter(tf.numpy_function(from_source, [indices], [kind for kind, _ in kinds]))
        return mapped(lambda leaf: tf.ensure_shape(next(read), [None, *leaf.shape[1:]]), example)

    @cached_property
    def _example(self) -> tuple[Any, ...]:
        """One example as a batch: what the source gives, without targets that it has not."""
        return tuple(part for part in self.source.batch([0]) if part is not None)


@contextlib.contextmanager
def noted(failures: list[Exception]) -> Iterator[None]:
    """Notes an error that is raised inside of a tf.data pipeline, which makes another of it."""
    try:
        yield
    except Exception as error:
        failures.append(error)
        raise


@contextlib.contextmanager
def as_noted(failures: list[Exception]) -> Iterator[None]:
    """Raises the first error that was `noted` in the place of TensorFlow's account of it, which is a page long."""
    try:
        yield
    except tf.errors.OpError:
        if not failures:
            raise
        raise failures[0] from failures[0].__cause__  # with a cause of its own, and without TensorFlow's account


def _as_kinds(batch: tuple[Any, ...], kinds: Sequence[tuple[Any, tuple[int, ...]]]) -> list[Any]:
    """The arrays of a batch in the pipeline's dtypes. Raises `InvalidValue` for another number or shape of them."""
    import numpy as np

    arrays = [np.asarray(leaf) for leaf in _arrays(batch)]
    if len(arrays) != len(kinds):
        raise InvalidValue(
            f"data must give batches of one form. Received: one of {len(kinds)} arrays, and then one of {len(arrays)}. "
            "Give inputs, targets and weights alike in all."
        )
    for array, (_, shape) in zip(arrays, kinds, strict=True):
        if array.shape[1:] != shape[1:]:
            raise InvalidValue(
                f"data must give examples of one shape. Received: one of {shape[1:]}, and then one of "
                f"{array.shape[1:]}. Pad or resize them where they are read."
            )
    return [array.astype(kind, copy=False) for array, (kind, _) in zip(arrays, kinds, strict=True)]


def _arrays(batch: tuple[Any, ...]) -> list[Any]:
    return leaves(tuple(part for part in batch if part is not None))


def _kind(leaf: Any) -> tuple[Any, tuple[int, ...]]:
    """The dtype of a leaf in the pipeline: whole numbers that are not bytes as int32, wide floats as float32."""
    import numpy as np

    array = np.asarray(leaf)
    narrow = {"i": np.int32, "u": array.dtype if array.dtype == np.uint8 else np.int32, "b": np.int32, "f": np.float32}
    return narrow.get(array.dtype.kind, array.dtype), array.shape


@dataclasses.dataclass(frozen=True)
class Shares:
    """Which parts of each batch a process prepares, when replicas share it: of `num_replicas` equal ones `num_here`."""

    num_replicas: int = 1
    first: int = 0
    num_here: int = 1

    def split(self, indices: Any) -> Any:
        """A batch's indices, (batch,), as those of each replica here, (num_here, batch / num_replicas)."""
        parts = tf.reshape(indices, [self.num_replicas, -1])
        return parts[self.first : self.first + self.num_here]


def shared_batches(strategy: Any, make: Callable[[Shares], Any]) -> Any:
    """What `make`, a partial `training_pipeline`, gives each replica of a tf.distribute.Strategy.

    The pipeline itself deals the parts out: tf.data's own sharding would deal out examples before they are in order.
    """

    def here(context: Any) -> Any:
        num_here = context.num_replicas_in_sync // context.num_input_pipelines
        return make(Shares(context.num_replicas_in_sync, context.input_pipeline_id * num_here, num_here))

    return strategy.distribute_datasets_from_function(here)


def training_pipeline(
    views: Views,
    epochs: int,
    batch_size: int,
    num_views: int,
    arrange: Callable[[tuple[Any, ...]], tuple[Any, ...]],
    kept_logits: KeptLogits | None = None,
    shares: Shares = Shares(),
    first_epoch: int = 0,
) -> Any:
    """All epochs' batches of (inputs, targets) in one tf.data pipeline; nothing but the batches on their way is held.

    `arrange` puts what the source gives into the model's order. With `kept_logits` instead of inputs a dict: "inputs",
    "views" and "indices" (batch,), and what `kept_logits.recall(views, indices)` gives. With `shares` a batch comes as
    its parts, one after another. Epochs before `first_epoch` are left out.
    """
    num_examples = len(views.source)

    def order(epoch: Any) -> Any:
        shuffled = tf.random.experimental.stateless_shuffle(tf.range(num_examples), seed=(views.seed, epoch))
        dataset = tf.data.Dataset.from_tensor_slices(shuffled).batch(batch_size, drop_remainder=True)
        if shares.num_replicas > 1:
            dataset = dataset.map(shares.split).unbatch()
        return dataset.map(lambda indices: (epoch, indices))

    def examples(epoch: Any, indices: Any) -> Any:
        view = epoch % num_views
        seen, *rest = arrange(views.examples(view, indices))
        if kept_logits is not None:
            of_views = tf.fill(tf.shape(indices), view)
            recalled = kept_logits.recall(of_views, indices)
            seen = {"inputs": seen, "views": of_views, "indices": indices, **recalled}
        return (seen, *rest)

    numbers = tf.data.Dataset.range(first_epoch, epochs, output_type=tf.int32)
    return numbers.flat_map(order).map(examples, num_parallel_calls=2, deterministic=True).prefetch(4)


def stream_batches(
    data: Data, stream: Stream, arrange: Callable[[tuple[Any, ...]], tuple[Any, ...]], failures: list[Exception]
) -> Any:
    """The batches of a stream, pass after pass without end, in one tf.data pipeline; its errors are `noted`."""
    example = tuple(part for part in next(iter(stream)) if part is not None)
    kinds = [_kind(leaf) for leaf in leaves(example)]

    def flat() -> Iterator[tuple[Any, ...]]:
        with noted(failures):
            for batch in stream:
                yield tuple(_as_kinds(batch, kinds))

    signature = tuple(tf.TensorSpec((None, *shape[1:]), kind) for kind, shape in kinds)

    def packed(*read: Any) -> tuple[Any, ...]:
        parts = iter(read)
        stored, *rest = mapped(lambda _: next(parts), example)
        if data.is_scaled:
            stored = mapped(lambda x: tf.cast(x, tf.float32) * data.scale + data.offset, stored)
        return arrange((stored, *rest))

    return tf.data.Dataset.from_generator(flat, output_signature=signature).repeat().map(packed).prefetch(4)


def arrangement(model: Any, task: BoundTask) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """What puts (inputs, targets, weights) into the order, dtypes and ranks of a model's inputs and outputs."""
    specs, ranks = input_specs(model), {spec.name: len(spec.shape) for spec in output_specs(model)}
    as_dict = gives_dict(model)

    def arranged(parts: tuple[Any, ...]) -> tuple[Any, ...]:
        named = by_name(parts[0], [spec.name for spec in specs], "inputs")
        inputs = [tf.cast(named[spec.name], spec.dtype) for spec in specs]
        wanted = dict(zip(ranks, inputs, strict=False)) if task.needs_inputs else _targets(parts, ranks)
        targets = [
            tf.expand_dims(array, -1) if _lacks_an_axis(task.output(name), len(array.shape), ranks[name]) else array
            for name, array in wanted.items()
        ]
        targets = [tf.convert_to_tensor(array) for array in targets]
        weights = parts[2:3]
        return (_lone(inputs), dict(zip(wanted, targets, strict=True)) if as_dict else _lone(targets), *weights)

    return arranged


def _targets(parts: tuple[Any, ...], ranks: Mapping[str, int]) -> dict[str, Any]:
    if len(parts) < 2:
        raise InvalidValue(
            f"data must have targets to train {', '.join(ranks)} on. Received: inputs alone. Give (inputs, targets), "
            "or the task Reconstruction()."
        )
    return by_name(parts[1], list(ranks), "targets")


def _lacks_an_axis(output: Output, rank: int, output_rank: int) -> bool:
    """Whether targets (N,) are meant for outputs (N, 1)."""
    return output.kind != CLASSES and rank + 1 == output_rank


def _lone(arrays: list[Any]) -> Any:
    return arrays[0] if len(arrays) == 1 else tuple(arrays)
