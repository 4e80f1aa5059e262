"""Those who train together: the replicas of a tf.distribute.Strategy, in one process or in several, or one alone.

In several processes all train, each on its part of every batch, and one, the chief, writes. What one does alone the
others wait for, and hear whether it ended well.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from ..backend.tensorflow import tf
from ..core.errors import WorkerLost
from ..models_io.copying import copy_model

Result = TypeVar("Result")
_ENDED_WELL, _FAILED = 1, 2  # what the chief says; the others add 0


class Team:
    """The replicas that train a model together.

    Args:
      strategy: a tf.distribute.Strategy, or None: one replica, in the plain way of Keras.

    >>> Team().num_replicas, Team().is_chief
    (1, True)
    """

    def __init__(self, strategy: Any = None) -> None:
        self.strategy = strategy
        self.num_replicas = 1 if strategy is None else strategy.num_replicas_in_sync
        self.num_workers, self.is_chief = _place(strategy)

    @property
    def title(self) -> str:
        """For the report."""
        if self.strategy is None:
            return "none"
        workers = f" in {self.num_workers} processes" if self.num_workers > 1 else ""
        return f"{type(self.strategy).__name__}, {self.num_replicas} replicas{workers}"

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """In which models are made, loaded, copied, wrapped and trained.

        Raises:
          WorkerLost: when another process has gone.
        """
        if self.strategy is None:
            yield
            return
        with self._losses_told(), self.strategy.scope():
            yield

    def plain(self, model: Any) -> Any:
        """The model on one device, with the weights that the replicas have agreed on; all processes ask together.

        To read batch normalization's statistics asks every process; whoever has this copy can work alone.
        """
        if self.strategy is None:
            return model
        with self._losses_told():
            return copy_model(model)

    def chief_alone(self, work: Callable[[], Result]) -> Result | None:
        """What `work` gives in the chief; the others wait until it is done, and get None.

        Raises:
          WorkerLost: in the others, when it failed in the chief.
        """
        if self.num_workers == 1:
            return work()
        result = None
        if self.is_chief:
            try:
                result = work()
            except BaseException:
                with contextlib.suppress(WorkerLost):  # the first error is the one to report
                    self._from_chief(_FAILED)
                raise
        if self._from_chief(_ENDED_WELL) == _FAILED:
            raise WorkerLost("The chief, the worker that writes, ended with an error. Its own output says which.")
        return result

    def chief_says(self, question: Callable[[], bool]) -> bool:
        """What the chief says to a question, in all processes."""
        said = self.chief_alone(question)
        return bool(said) if self.num_workers == 1 else self._from_chief(2 if said else 1) == 2

    def _from_chief(self, number: int) -> int:
        """The chief's number, in all processes, once all have come to ask for it.

        A thread waits, since Python hears no Ctrl-C while it is inside of TensorFlow.
        """
        heard: list[Any] = []

        def ask() -> None:
            try:
                mine = number if self.is_chief else 0
                heard.append(int(self.strategy.reduce("SUM", self.strategy.run(lambda: tf.constant(mine)), axis=None)))
            except Exception as error:  # raised below, in the thread that asked
                heard.append(error)

        waiting = threading.Thread(target=ask, daemon=True)
        waiting.start()
        while waiting.is_alive():
            waiting.join(0.2)
        with self._losses_told():
            if isinstance(heard[0], Exception):
                raise heard[0]
        return int(heard[0]) // (self.num_replicas // self.num_workers)

    @contextlib.contextmanager
    def _losses_told(self) -> Iterator[None]:
        if self.num_workers == 1:
            yield
            return
        try:
            yield
        except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError) as error:
            raise WorkerLost(
                "Another worker has gone; its own output says why. Finished stages are kept: start all workers again "
                "with the same command."
            ) from error


def _place(strategy: Any) -> tuple[int, bool]:
    """How many processes there are, and whether this one is the chief."""
    resolver = getattr(strategy, "cluster_resolver", None)
    if resolver is None:
        return 1, True
    cluster = resolver.cluster_spec().as_dict()
    if not cluster:
        return 1, True
    is_chief = resolver.task_type == "chief" or ("chief" not in cluster and resolver.task_id == 0)
    return sum(map(len, cluster.values())), is_chief
