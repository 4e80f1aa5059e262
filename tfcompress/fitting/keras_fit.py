"""Plain training: `compile` and `fit`, where a Keras user can see them."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import Any

from ..backend.precision import bfloat16_products
from ..backend.replicas import scope_of_strategy, statistics_of_whole_batches
from ..backend.tensorflow import keras, tf
from ..core.contracts import KeptLogits, TaughtModel
from ..core.errors import InvalidValue, expect
from ..core.types import Augmentation, Data, Mixing
from ..measuring.outputs import gives_probabilities
from .averaging import WeightsAverage
from .dropout import dropout_of
from .examples import Views, shared_batches, training_pipeline
from .learning_rates import CosineDecay, OneCycle, StepDecay


@dataclasses.dataclass(frozen=True)
class KerasFit:
    """Plain training of a classifier, of one that gives logits or of one that ends in softmax: SGD on cross-entropy.

    Each epoch's order of examples is a function of (seed, epoch) alone; a last batch that is not full is left out. A
    model made under a tf.distribute.Strategy trains under it, by the same steps: its replicas share each batch.

    Args:
      data: what to train on; its training split has N examples.
      epochs: passes over it, at least 1.
      batch_size: examples in a step, at least 1; N where N is smaller. Defaults to 64.
      learning_rate: a number, or a schedule over this training. Defaults to `CosineDecay(0.05)`.
      momentum: of SGD, in [0, 1). Defaults to 0.9.
      seed: of the order of examples, and of augmentation. Defaults to 0.
      augment: changes of the inputs, one after another (`Flip`, `ShiftedCrop`, `Cutout`); the last may be `Mixup`.
        Defaults to none.
      views: how many augmented views of an example there are; epochs go through them in turn, so that a teacher's
        logits can be kept. Defaults to 0: each epoch has its own.
      label_smoothing: share of each label that is spread evenly over all classes, in [0, 1). Defaults to 0.
      weights_average: decay of an exponential moving average of the weights over the steps, in [0, 1), which the model
        has at the end; zeros of the last step stay zeros, and batch normalization keeps the last steps' statistics,
        which fit the average where the rate has become small. 0 leaves the last step's weights. Defaults to 0.
      weight_decay: share of each kernel that a step of rate 1 takes away, at least 0. Defaults to 0.
      dropout: rate of the model's Dropout layers while it trains here, in [0, 1); they keep their own afterwards. A
        pruned network wants less than the one it came from (Han et al., "Learning both weights and connections", 2015,
        section 3.2, https://arxiv.org/abs/1506.02626). Defaults to None: their own.
      bfloat16: whether products and convolutions are computed in bfloat16 while training (weights stay float32). On
        processors that have AVX512_BF16 or AMX it takes less time with channels in multiples of 16, and more with
        others, as pruned networks have (benchmarks/bfloat16_training.py measures it); most other processors it leaves
        as they are. The weights differ from those of float32 training, as with another seed. Defaults to False.
      verbose: as in Keras, 0 shows nothing, 1 a bar, 2 a line for each epoch. A run shows its own progress, and does
        not train again for another value. Defaults to 0.

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
    augment: tuple[Augmentation | Mixing, ...] = ()
    views: int = 0
    label_smoothing: float = 0.0
    weights_average: float = 0.0
    weight_decay: float = 0.0
    dropout: float | None = None
    bfloat16: bool = False
    verbose: int = 0

    def __post_init__(self) -> None:
        expect(self.epochs >= 1, self, "epochs", "must be at least 1", "Use 10.")
        expect(self.batch_size >= 1, self, "batch_size", "must be at least 1", "Use 64.")
        expect(0 <= self.momentum < 1, self, "momentum", "must be in [0, 1)", "Use 0.9.")
        expect(self.views >= 0, self, "views", "must be at least 0", "Use 0, or 10.")
        expect(0 <= self.label_smoothing < 1, self, "label_smoothing", "must be in [0, 1)", "Use 0.1.")
        expect(0 <= self.weights_average < 1, self, "weights_average", "must be in [0, 1)", "Use 0.999.")
        expect(self.weight_decay >= 0, self, "weight_decay", "must be at least 0", "Use 5e-4.")
        expect(
            self.dropout is None or 0 <= self.dropout < 1, self, "dropout", "must be in [0, 1), or None", "Use 0.05."
        )
        mixes = [isinstance(change, Mixing) for change in self.augment]
        expect(not any(mixes[:-1]), self, "augment", "must mix examples last, and once", "Put Mixup at the end.")
        expect(self.verbose in (0, 1, 2), self, "verbose", "must be 0, 1 or 2", "Use 1 for a bar.")
        if isinstance(self.learning_rate, int | float):
            expect(self.learning_rate > 0, self, "learning_rate", "must be above 0", "Use 0.05.")

    def identity(self) -> dict[str, Any]:
        """What makes the weights: all settings but `verbose`."""
        settings = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {"type": type(self).__name__, **{name: value for name, value in settings.items() if name != "verbose"}}

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
        return self._views.inputs(number, indices)

    def __call__(self, model: Any, callbacks: Sequence[Any] = ()) -> Any:
        """Trains `model` in place and returns the Keras History.

        A `TaughtModel` is given what its kept logits recall beside its inputs (see `training_pipeline`).
        """
        with scope_of_strategy(model):
            self.require_replicas(tf.distribute.get_strategy().num_replicas_in_sync)
            products = bfloat16_products() if self.bfloat16 else contextlib.nullcontext()
            with statistics_of_whole_batches(model), dropout_of(model, self.dropout), products:
                return self._fit(model, callbacks)

    def require_replicas(self, number: int) -> None:
        """Raises `InvalidValue` when a batch cannot be shared equally by so many replicas."""
        if self._batch_size % number:
            near = max(self._batch_size // number, 1) * number
            raise InvalidValue(
                f"KerasFit.batch_size must be divisible by the number of replicas, {number}. Received: "
                f"{self._batch_size}{' (all examples)' if self._batch_size < self.batch_size else ''}. Use {near}, or "
                "another number of replicas."
            )

    def _fit(self, model: Any, callbacks: Sequence[Any]) -> Any:
        rate = self.learning_rate
        if not isinstance(rate, int | float):
            rate = rate.over(self.steps)
        model.compile(
            optimizer=self._optimizer(rate),
            loss=self._loss(from_logits=not gives_probabilities(model)),
            metrics=["accuracy"],
        )
        average = WeightsAverage(model, self.weights_average) if self.weights_average else None
        history = model.fit(
            self._batches(model.kept_logits if isinstance(model, TaughtModel) else None),
            epochs=self.epochs,
            steps_per_epoch=self.steps_per_epoch,
            callbacks=[*callbacks, *([average.callback()] if average else [])],
            verbose=self.verbose,
        )
        if average:
            average.finish()
        return history

    def _batches(self, kept_logits: KeptLogits | None) -> Any:
        make = partial(training_pipeline, self._views, self.epochs, self._batch_size, self.num_views, kept_logits)
        if not tf.distribute.has_strategy():
            return make()
        return shared_batches(tf.distribute.get_strategy(), lambda shares: make(shares=shares))

    @property
    def _views(self) -> Views:
        return Views(self.data, self.augment, self.seed)

    def _optimizer(self, rate: Any) -> Any:
        averaged = {"use_ema": True, "ema_momentum": self.weights_average} if self.weights_average else {}
        decayed = {"weight_decay": self.weight_decay} if self.weight_decay else {}
        optimizer = keras.optimizers.SGD(rate, momentum=self.momentum, **averaged, **decayed)
        if decayed:  # shifts and scales are few, and small ones cost accuracy
            optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        return optimizer

    def _loss(self, from_logits: bool) -> Any:
        if not self.label_smoothing and not self._views.mixing:
            return keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits)

        def of_shares(labels: Any, outputs: Any) -> Any:
            if len(labels.shape) < 2 or labels.shape[-1] == 1:
                labels = tf.one_hot(tf.cast(tf.reshape(labels, [-1]), tf.int32), tf.shape(outputs)[-1])
            return keras.losses.categorical_crossentropy(
                labels, outputs, from_logits=from_logits, label_smoothing=self.label_smoothing
            )

        return of_shares

    @property
    def _batch_size(self) -> int:
        return min(self.batch_size, self.data.num_train)
