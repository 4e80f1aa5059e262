"""What a training sees: the order of its examples and their augmented views, functions of (seed, epoch, example)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from ..backend.tensorflow import tf
from ..core.contracts import KeptLogits
from ..core.types import Augmentation, Data, Mixing


@dataclasses.dataclass(frozen=True)
class Views:
    """The training examples as a model sees them; `augment` changes them one after another, and may mix them last."""

    data: Data
    augment: tuple[Augmentation | Mixing, ...]
    seed: int

    @property
    def mixing(self) -> Mixing | None:
        """What mixes two examples into one, if anything does."""
        return self.augment[-1] if self.augment and isinstance(self.augment[-1], Mixing) else None

    def inputs(self, view: Any, indices: Any, stored: Any = None) -> Any:
        """Float32 inputs of the examples at `indices`, (batch, ...), in view number `view`.

        `stored` are all stored inputs, when they are a tensor already.
        """
        stored = self.data.train.inputs if stored is None else stored
        seen = self._alone(stored, view, indices)
        if self.mixing is None:
            return seen
        others, share = self.mixing.partners(self.data.num_train, (self.seed, view), indices)
        share = tf.reshape(share, [-1, *[1] * (len(seen.shape) - 1)])
        return share * seen + (1 - share) * self._alone(stored, view, others)

    def labels(self, view: Any, indices: Any, labels: Any) -> Any:
        """Labels of the examples, (batch,); of mixed ones the share of each class, (batch, classes)."""
        if self.mixing is None:
            return tf.gather(labels, indices)
        others, share = self.mixing.partners(self.data.num_train, (self.seed, view), indices)
        ours, theirs = (tf.one_hot(tf.gather(labels, which), self.data.num_classes) for which in (indices, others))
        return share[:, None] * ours + (1 - share[:, None]) * theirs

    def _alone(self, stored: Any, view: Any, indices: Any) -> Any:
        """Changed as stored, then scaled and shifted as `Data.model_inputs` says."""
        changed = tf.gather(stored, indices)
        changes: tuple[Any, ...] = self.augment[:-1] if self.mixing else self.augment
        for change in changes:
            changed = change(changed, (self.seed, view), indices)
        return tf.cast(changed, tf.float32) * self.data.scale + self.data.offset


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
    kept_logits: KeptLogits | None = None,
    shares: Shares = Shares(),
) -> Any:
    """All epochs' batches of (inputs, labels) in one tf.data pipeline; examples stay in memory as stored.

    With `kept_logits` instead of inputs a dict: "inputs", "views" and "indices" (batch,), and what
    `kept_logits.recall(views, indices)` gives. With `shares` a batch comes as its parts, one after another.
    """
    split = views.data.train
    stored, labels = tf.constant(split.inputs), tf.constant(split.labels, tf.int32)

    def order(epoch: Any) -> Any:
        shuffled = tf.random.experimental.stateless_shuffle(tf.range(len(split)), seed=(views.seed, epoch))
        dataset = tf.data.Dataset.from_tensor_slices(shuffled).batch(batch_size, drop_remainder=True)
        if shares.num_replicas > 1:
            dataset = dataset.map(shares.split).unbatch()
        return dataset.map(lambda indices: (epoch, indices))

    def examples(epoch: Any, indices: Any) -> Any:
        view = epoch % num_views
        seen = views.inputs(view, indices, stored)
        if kept_logits is not None:
            of_views = tf.fill(tf.shape(indices), view)
            recalled = kept_logits.recall(of_views, indices)
            seen = {"inputs": seen, "views": of_views, "indices": indices, **recalled}
        return seen, views.labels(view, indices, labels)

    numbers = tf.data.Dataset.range(epochs, output_type=tf.int32)
    return numbers.flat_map(order).map(examples, num_parallel_calls=2, deterministic=True).prefetch(4)
