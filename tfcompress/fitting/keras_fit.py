"""Plain training: `compile` and `fit`, where a Keras user can see them."""

from __future__ import annotations

import contextlib
import dataclasses
import numbers
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ..backend.precision import bfloat16_products
from ..backend.replicas import scope_of_strategy, statistics_of_whole_batches
from ..backend.tensorflow import keras, tf
from ..core.contracts import TaughtModel
from ..core.errors import InvalidValue, expect
from ..core.examples.source import Stream
from ..core.settings import MOST_EPOCHS
from ..core.tasks.task import CLASSES, BoundTask, Task
from ..core.types import Augmentation, Data, Mixing
from ..data.dataset import as_data
from ..measuring.outputs import gives_dict
from .averaging import WeightsAverage
from .checkpoint import checkpoint_of
from .dropout import dropout_of
from .examples import Views, arrangement, as_noted, shared_batches, stream_batches, training_pipeline
from .first_step import make_variables
from .learning_rates import CosineDecay, OneCycle, StepDecay
from .losses import default_metrics, shares_loss
from .objective import objective_of
from .random_layers import readable_draws


@dataclasses.dataclass(frozen=True)
class KerasFit:
    """Plain training, `compile` and `fit`: of any model that data and task fit; a classifier on cross-entropy.

    Each epoch's order of examples is a function of (seed, epoch) alone; a last batch that is not full is left out. A
    model made under a tf.distribute.Strategy trains under it, by the same steps: its replicas share each batch.

    Args:
      data: what to train on; its training split has N examples. Arrays (inputs, targets), a tf.data.Dataset and
        whatever else `dataset` takes will do.
      epochs: passes over it, at least 1.
      batch_size: examples in a step, at least 1; N where N is smaller. Defaults to 64.
      learning_rate: a number, or a schedule over this training. Defaults to `CosineDecay(0.05)`.
      momentum: of SGD, in [0, 1). Defaults to 0.9.
      seed: of the order of examples, and of augmentation. Defaults to 0.
      augment: changes of the inputs, one after another (`Flip`, `ShiftedCrop`, `Cutout`; for masks and boxes in
        `WithMasks` and `WithBoxes`); the last may be `Mixup`. Defaults to none.
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
      task: what is asked of the model. Defaults to None: the data's.
      loss: of Keras, by value or name, or a dict of them by output name. Defaults to None: the task's, or the one that
        its outputs' kinds imply.
      loss_weights: of several outputs, by name. Defaults to None: the task's, else all 1.
      metrics: of Keras, reported while it trains. Defaults to None: accuracy where the model gives one class.
      optimizer: of Keras, by name, which then has `learning_rate`, or by value, which has its own. Defaults to None:
        SGD with `learning_rate`, `momentum` and `weight_decay`.
      callbacks: of Keras, beside those of techniques. Defaults to none.
      class_weight: of Keras's fit: a weight of each class. Defaults to None.
      stream_steps: steps in an epoch of a stream that does not know how many batches it has. Defaults to None.

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
    task: Task | None = None
    loss: Any = None
    loss_weights: Mapping[str, float] | None = None
    metrics: Any = None
    optimizer: Any = None
    callbacks: tuple[Any, ...] = ()
    class_weight: Mapping[int, float] | None = None
    stream_steps: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", as_data(self.data, "KerasFit.data"))
        for name in ("epochs", "batch_size"):
            whole = isinstance(getattr(self, name), numbers.Integral)
            expect(whole, self, name, "must be a whole number", "Use 10.")
        expect(self.epochs >= 1, self, "epochs", "must be at least 1", "Use 10.")
        expect(self.epochs <= MOST_EPOCHS, self, "epochs", f"must be at most {MOST_EPOCHS:,}", "Use 10.")
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
        """Optimizer steps in one epoch. Raises `InvalidValue` for a stream of which nobody says."""
        if self._num_train is not None:
            return self._num_train // self._batch_size
        stream: Any = self.data.train
        steps = self.stream_steps or stream.num_batches
        if steps is None:
            raise InvalidValue(
                f"KerasFit.stream_steps must say how many steps an epoch has, as {self.data.title} is a stream that "
                "does not. Received: None. Use the number of its batches."
            )
        return steps

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
            dropout = dropout_of(model, self.dropout)
            with statistics_of_whole_batches(model), dropout, readable_draws(model), products:
                return self._fit(model, callbacks)

    def require_replicas(self, number: int) -> None:
        """Raises `InvalidValue` when a batch cannot be shared equally by so many replicas; a stream's, Keras shares."""
        if self._batch_size % number and self._num_train is not None:
            near = max(self._batch_size // number, 1) * number
            raise InvalidValue(
                f"KerasFit.batch_size must be divisible by the number of replicas, {number}. Received: "
                f"{self._batch_size}{' (all examples)' if self._batch_size < self.batch_size else ''}. Use {near}, or "
                "another number of replicas."
            )

    def _fit(self, model: Any, callbacks: Sequence[Any]) -> Any:
        objective = objective_of(model, self.data, self.task, "KerasFit", self.loss, self.loss_weights)
        task, losses = objective.task, list(objective.losses)
        if self.label_smoothing or self._views.mixing:
            losses = [self._shares_loss(task)]
        model.compile(
            optimizer=self._compiled_optimizer(),
            loss=_as_outputs(model, task, losses),
            loss_weights=_as_outputs(model, task, objective.weights) if len(losses) > 1 else None,
            metrics=self.metrics if self.metrics is not None else default_metrics(task),
        )
        average = WeightsAverage(model, self.weights_average) if self.weights_average else None
        views = self._views
        callbacks = [*callbacks, *self.callbacks, *([average.callback()] if average else [])]
        is_in_order = self.augment or not isinstance(self.data.train, Stream)
        checkpoint = checkpoint_of(model, self.epochs, callbacks) if is_in_order else None
        done = checkpoint.restore() if checkpoint else 0
        with as_noted(views.failures):
            batches = self._batches(model, task, views, done)
            make_variables(model, batches)
            history = model.fit(
                batches,
                epochs=self.epochs,
                initial_epoch=done,
                steps_per_epoch=self.steps_per_epoch,
                callbacks=[*callbacks, *([checkpoint.callback()] if checkpoint else [])],
                class_weight=dict(self.class_weight) if self.class_weight else None,
                verbose=self.verbose,
            )
        if average:
            average.finish()
        return history

    def _batches(self, model: Any, task: BoundTask, views: Views, first_epoch: int = 0) -> Any:
        arrange = arrangement(model, task)
        if isinstance(self.data.train, Stream) and not self.augment:
            return stream_batches(self.data, self.data.train, arrange, views.failures)
        kept_logits = model.kept_logits if isinstance(model, TaughtModel) else None
        make = partial(training_pipeline, views, self.epochs, self._batch_size, self.num_views, arrange, kept_logits)
        make = partial(make, first_epoch=first_epoch)
        if not tf.distribute.has_strategy():
            return make()
        return shared_batches(tf.distribute.get_strategy(), lambda shares: make(shares=shares))

    def _shares_loss(self, task: BoundTask) -> Any:
        if len(task.outputs) > 1 or task.outputs[0].kind != CLASSES or self.loss is not None:
            raise InvalidValue(
                "KerasFit.label_smoothing and Mixup are for models with one output that gives a class, trained on "
                "cross-entropy. Received: another. Leave them out."
            )
        return shares_loss(task.outputs[0].from_logits, self.label_smoothing)

    @property
    def _views(self) -> Views:
        return Views(self.data, self.augment, self.seed)

    def _compiled_optimizer(self) -> Any:
        if self.optimizer is not None and not isinstance(self.optimizer, str):
            return type(self.optimizer).from_config(self.optimizer.get_config())  # its state belongs to one training
        rate = self.learning_rate
        if not isinstance(rate, int | float):
            rate = rate.over(self.steps)
        averaged = {"use_ema": True, "ema_momentum": self.weights_average} if self.weights_average else {}
        decayed = {"weight_decay": self.weight_decay} if self.weight_decay else {}
        if self.optimizer is not None:
            config = {"learning_rate": rate, **averaged, **decayed}
            return keras.optimizers.get({"class_name": self.optimizer, "config": config})
        optimizer = keras.optimizers.SGD(rate, momentum=self.momentum, **averaged, **decayed)
        if decayed:  # shifts and scales are few, and small ones cost accuracy
            optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        return optimizer

    @property
    def _batch_size(self) -> int:
        return min(self.batch_size, self._num_train or self.batch_size)

    @property
    def _num_train(self) -> int | None:
        """Examples to train on, None for a stream; what the data says counts, so that a plan reads no examples."""
        said: int | None = getattr(self.data, "num_train", None)
        if said is not None:
            return said
        train: Any = self.data.train
        return None if isinstance(train, Stream) else len(train)


def _as_outputs(model: Any, task: BoundTask, values: Sequence[Any]) -> Any:
    """A value for each output in the form of the outputs: alone, in a list, or in a dict."""
    if gives_dict(model):
        return {output.name: value for output, value in zip(task.outputs, values, strict=True)}
    return values[0] if len(values) == 1 else list(values)
