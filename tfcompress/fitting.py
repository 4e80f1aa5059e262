"""How we train: `compile` and `fit`, where a Keras user can see them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from .core.errors import expect
from .core.keras import copy_model, keras, tf
from .core.outputs import gives_probabilities
from .core.types import INT8_RANGES, Augmentation, Data, Fit, Promise


@dataclasses.dataclass(frozen=True)
class StepDecay:
    """A learning rate that is multiplied by `factor` at each of the fractions of training in `at`.

    >>> StepDecay(0.1).at
    (0.5, 0.75)
    """

    initial: float = 0.1
    factor: float = 0.1
    at: tuple[float, ...] = (0.5, 0.75)

    def __post_init__(self) -> None:
        expect(self.initial > 0, self, "initial", "must be above 0", "Use 0.1.")
        expect(0 < self.factor < 1, self, "factor", "must be in (0, 1)", "Use 0.1 to divide by ten.")
        in_order = bool(self.at) and list(self.at) == sorted(self.at) and all(0 < at < 1 for at in self.at)
        expect(in_order, self, "at", "must be fractions of training in (0, 1), in order", "Use (0.5, 0.75).")

    def over(self, steps: int) -> Any:
        """The Keras schedule for a training of `steps` optimizer steps."""
        boundaries = [round(at * steps) for at in self.at]
        rates = [self.initial * self.factor**power for power in range(len(self.at) + 1)]
        return keras.optimizers.schedules.PiecewiseConstantDecay(boundaries, rates)


@dataclasses.dataclass(frozen=True)
class CosineDecay:
    """A learning rate that falls from `initial` to 0 along half a cosine (Loshchilov and Hutter, "SGDR", 2017).

    >>> CosineDecay(0.05)
    CosineDecay(initial=0.05)
    """

    initial: float = 0.05

    def __post_init__(self) -> None:
        expect(self.initial > 0, self, "initial", "must be above 0", "Use 0.05.")

    def over(self, steps: int) -> Any:
        """The Keras schedule for a training of `steps` optimizer steps."""
        return keras.optimizers.schedules.CosineDecay(self.initial, decay_steps=max(steps, 1))


@dataclasses.dataclass(frozen=True)
class OneCycle:
    """A learning rate that rises to `peak` along a line and falls to 0 along half a cosine.

    Args:
      peak: the largest rate, above 0. Defaults to 0.1.
      warm_up: the fraction of training in which it rises, in (0, 1). Defaults to 0.25.

    >>> OneCycle(peak=0.4).warm_up
    0.25

    Reference: Smith and Topin, "Super-convergence", 2019, https://arxiv.org/abs/1708.07120
    """

    peak: float = 0.1
    warm_up: float = 0.25

    def __post_init__(self) -> None:
        expect(self.peak > 0, self, "peak", "must be above 0", "Use 0.1.")
        expect(0 < self.warm_up < 1, self, "warm_up", "must be in (0, 1)", "Use 0.25.")

    def over(self, steps: int) -> Any:
        """The Keras schedule for a training of `steps` optimizer steps."""
        rising = max(1, round(self.warm_up * steps))
        return keras.optimizers.schedules.CosineDecay(
            0.0, decay_steps=max(1, steps - rising), warmup_target=self.peak, warmup_steps=rising
        )


@dataclasses.dataclass(frozen=True)
class KerasFit:
    """Plain training of a classifier, of one that gives logits or of one that ends in softmax: SGD on cross-entropy.

    Each epoch's order of examples is a function of (seed, epoch) alone; a last batch that is not full is left out.

    Args:
      data: what to train on; its training split has N examples.
      epochs: passes over it, at least 1.
      batch_size: examples in a step, at least 1; N where N is smaller. Defaults to 64.
      learning_rate: a number, or a schedule over this training. Defaults to `CosineDecay(0.05)`.
      momentum: of SGD, in [0, 1). Defaults to 0.9.
      seed: of the order of examples, and of augmentation. Defaults to 0.
      augment: changes of the inputs, one after another (`Flip`, `ShiftedCrop`, `Cutout`). Defaults to none.
      views: how many augmented views of an example there are; epochs go through them in turn, so that a teacher's
        answers can be kept. Defaults to 0: each epoch has its own.
      label_smoothing: share of each label that is spread evenly over all classes, in [0, 1). Defaults to 0.
      weights_average: decay of an exponential moving average of the weights, in [0, 1), which the model has at the end;
        0 leaves it the last step's. Defaults to 0.
      weight_decay: share of each kernel that a step of rate 1 takes away, at least 0. Defaults to 0.

    Example:

    >>> import tfcompress as tfc
    >>> tfc.KerasFit(tfc.Digits(), epochs=2).steps
    44
    """

    data: Data
    epochs: int = 10
    batch_size: int = 64
    learning_rate: float | StepDecay | CosineDecay | OneCycle = CosineDecay()
    momentum: float = 0.9
    seed: int = 0
    augment: tuple[Augmentation, ...] = ()
    views: int = 0
    label_smoothing: float = 0.0
    weights_average: float = 0.0
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        expect(self.epochs >= 1, self, "epochs", "must be at least 1", "Use 10.")
        expect(self.batch_size >= 1, self, "batch_size", "must be at least 1", "Use 64.")
        expect(0 <= self.momentum < 1, self, "momentum", "must be in [0, 1)", "Use 0.9.")
        expect(self.views >= 0, self, "views", "must be at least 0", "Use 0, or 10.")
        expect(0 <= self.label_smoothing < 1, self, "label_smoothing", "must be in [0, 1)", "Use 0.1.")
        expect(0 <= self.weights_average < 1, self, "weights_average", "must be in [0, 1)", "Use 0.999.")
        expect(self.weight_decay >= 0, self, "weight_decay", "must be at least 0", "Use 5e-4.")
        if isinstance(self.learning_rate, int | float):
            expect(self.learning_rate > 0, self, "learning_rate", "must be above 0", "Use 0.05.")

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps in one epoch."""
        return self.data.num_train // self._batch_size

    @property
    def steps(self) -> int:
        """Optimizer steps in one call."""
        return self.epochs * self.steps_per_epoch

    @property
    def num_views(self) -> int:
        """Views of an example that this training goes through."""
        return min(self.views or self.epochs, self.epochs) if self.augment else 1

    def view(self, number: int, indices: Any) -> Any:
        """What the model sees of the training examples at `indices` in view `number`: float32, (len(indices), ...)."""
        stored = tf.gather(self.data.train.inputs, indices)
        return self._seen(self._augmented(stored, number, indices))

    def __call__(self, model: Any, callbacks: Sequence[Any] = ()) -> Any:
        """Trains `model` in place and returns the Keras History.

        A model with `kept_answers`, (views, N, classes), gets them beside its inputs: (inputs, answers).
        """
        constant = isinstance(self.learning_rate, int | float)
        rate = self.learning_rate if constant else self.learning_rate.over(self.steps)
        model.compile(
            optimizer=self._optimizer(rate),
            loss=self._loss(from_logits=not gives_probabilities(model)),
            metrics=["accuracy"],
        )
        return model.fit(
            self._batches(getattr(model, "kept_answers", None)),
            epochs=self.epochs,
            steps_per_epoch=self.steps_per_epoch,
            callbacks=list(callbacks),
            verbose=0,
        )

    def _seen(self, stored: Any) -> Any:
        """What the model sees of stored inputs, as `Data.model_inputs` says, inside the pipeline."""
        return tf.cast(stored, tf.float32) * self.data.scale + self.data.offset

    def _augmented(self, stored: Any, view: Any, indices: Any) -> Any:
        for change in self.augment:
            stored = change(stored, (self.seed, view), indices)
        return stored

    def _optimizer(self, rate: Any) -> Any:
        averaged = {"use_ema": True, "ema_momentum": self.weights_average} if self.weights_average else {}
        decayed = {"weight_decay": self.weight_decay} if self.weight_decay else {}
        optimizer = keras.optimizers.SGD(rate, momentum=self.momentum, **averaged, **decayed)
        if decayed:  # shifts and scales are few, and small ones cost accuracy
            optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        return optimizer

    def _loss(self, from_logits: bool) -> Any:
        if not self.label_smoothing:
            return keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits)

        def smoothed(labels: Any, outputs: Any) -> Any:
            one_hot = tf.one_hot(tf.cast(tf.reshape(labels, [-1]), tf.int32), tf.shape(outputs)[-1])
            return keras.losses.categorical_crossentropy(
                one_hot, outputs, from_logits=from_logits, label_smoothing=self.label_smoothing
            )

        return smoothed

    @property
    def _batch_size(self) -> int:
        return min(self.batch_size, self.data.num_train)

    def _batches(self, kept_answers: Any = None) -> Any:
        """All epochs' batches in one tf.data pipeline; examples stay in memory as stored (images: bytes)."""
        split = self.data.train
        inputs, labels = tf.constant(split.inputs), tf.constant(split.labels, tf.int32)
        answers = None if kept_answers is None else tf.constant(kept_answers)

        def order(epoch: Any) -> Any:
            shuffled = tf.random.experimental.stateless_shuffle(tf.range(len(split)), seed=(self.seed, epoch))
            batches = tf.data.Dataset.from_tensor_slices(shuffled).batch(self._batch_size, drop_remainder=True)
            return batches.map(lambda indices: (epoch, indices))

        def examples(epoch: Any, indices: Any) -> Any:
            view = epoch % self.num_views
            seen = self._seen(self._augmented(tf.gather(inputs, indices), view, indices))
            if answers is not None:
                seen = seen, tf.cast(tf.gather(answers[view], indices), tf.float32)
            return seen, tf.gather(labels, indices)

        epochs = tf.data.Dataset.range(self.epochs, output_type=tf.int32)
        return epochs.flat_map(order).map(examples, num_parallel_calls=2, deterministic=True).prefetch(4)


@dataclasses.dataclass(frozen=True)
class Train:
    """Training and nothing else: the baseline, a teacher, or fine-tuning.

    It promises nothing, and of what earlier stages made it keeps fake quantization only: plain training fills zeros.

    >>> Train().keeps
    frozenset({'int8 ranges'})
    """

    @property
    def makes(self) -> frozenset[str]:
        """Nothing."""
        return frozenset()

    @property
    def keeps(self) -> frozenset[str]:
        """Fake quantization, which is part of the model."""
        return frozenset({INT8_RANGES})

    def promises(self, model: Any) -> tuple[Promise, ...]:
        """None."""
        return ()

    def apply(self, model: Any, fit: Fit) -> Any:
        """Gives a trained copy of `model`."""
        trained = copy_model(model)
        fit(trained)
        return trained
