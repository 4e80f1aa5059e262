"""Where a training runs: here, on several devices of this machine, or in several processes of several machines.

`--strategy` is read without TensorFlow, so that a mistake in it, or in TF_CONFIG, ends at once; `open_team` makes
the tf.distribute.Strategy. What runs under one is a `core.team.Team`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from ..backend.cluster import silent_after, wait_at_most
from ..backend.tensorflow import tf
from ..core.errors import InvalidValue, WorkerLost
from .team import Team

NONE, MIRRORED, MULTI_WORKER = "none", "mirrored", "multi_worker"
START_S = 600.0  # for which chief and workers wait for each other: a batch system starts them minutes apart
NUM_LOGICAL_CPUS = 2  # of "mirrored" where there is no accelerator: enough to see it run
EXAMPLE = '{"cluster": {"worker": ["10.0.0.1:12345", "10.0.0.2:12345"]}, "task": {"type": "worker", "index": 0}}'


@dataclasses.dataclass(frozen=True)
class Strategy:
    """What was asked for.

    Attributes:
      kind: "none", "mirrored" or "multi_worker".
      num_replicas: of "mirrored"; None for all accelerators.
      is_chief: whether this process writes the run folder; False in all workers but one.
      worker: "worker 1 of 2", for messages; empty where there are no others.
      others: their addresses, host:port.
    """

    kind: str = NONE
    num_replicas: int | None = None
    is_chief: bool = True
    worker: str = ""
    others: tuple[str, ...] = ()


def parse_strategy(text: str) -> Strategy:
    """Reads "none", "mirrored", "mirrored:N" or "multi_worker"; the last also reads TF_CONFIG.

    Raises:
      InvalidValue: for anything else, and for a TF_CONFIG that is missing or wrong.

    >>> parse_strategy("mirrored:2").num_replicas
    2
    """
    kind, colon, number = text.partition(":")
    if kind == MIRRORED and (not colon or (number.isdecimal() and int(number) >= 1)):
        return Strategy(kind, int(number) if colon else None)
    if text == NONE:
        return Strategy()
    if text == MULTI_WORKER:
        return _from_environment(os.environ.get("TF_CONFIG"))
    raise InvalidValue(
        f"--strategy must be none, mirrored, mirrored:N (N at least 1) or multi_worker. Received: {text!r}. "
        "Use mirrored for all accelerators of this machine."
    )


def _from_environment(text: str | None) -> Strategy:
    """A worker's place among the others, as TF_CONFIG says."""
    if not text:
        raise InvalidValue(
            "TF_CONFIG must name all workers, and this one. Received: no such environment variable. Use "
            f"TF_CONFIG='{EXAMPLE}', with an index of its own in each worker."
        )
    try:
        config = json.loads(text)
    except ValueError as error:
        raise InvalidValue(
            f"TF_CONFIG must be JSON. Received: {text!r} ({error}). Use TF_CONFIG='{EXAMPLE}'."
        ) from error
    wrong = _objection(config)
    if wrong:
        raise InvalidValue(f"TF_CONFIG {wrong}. Received: {text}. Use TF_CONFIG='{EXAMPLE}'.")
    cluster, task = config["cluster"], config["task"]
    is_chief = task["type"] == "chief" or ("chief" not in cluster and task["index"] == 0)
    number = 0 if task["type"] == "chief" else task["index"] + len(cluster.get("chief", ()))
    own = (task["type"], task["index"])
    others = [each for kind in cluster for place, each in enumerate(cluster[kind]) if (kind, place) != own]
    return Strategy(MULTI_WORKER, None, is_chief, f"worker {number} of {len(others) + 1}", tuple(others))


def _objection(config: Any) -> str:
    """What is wrong with a TF_CONFIG; empty when nothing is."""
    if not isinstance(config, Mapping) or not {"cluster", "task"} <= set(config):
        return "must have a cluster and a task"
    cluster, task = config["cluster"], config["task"]
    known = isinstance(cluster, Mapping) and cluster and set(cluster) <= {"chief", "worker"}
    if not known or not all(_are_addresses(each) for each in cluster.values()) or len(cluster.get("chief", ())) > 1:
        return "must have a cluster of workers, and at most one chief, each a list of host:port"
    if not isinstance(task, Mapping) or task.get("type") not in cluster:
        return f"must have a task whose type is one of {', '.join(cluster)}"
    index = task.get("index")
    if not isinstance(index, int) or not 0 <= index < len(cluster[task["type"]]):
        return f"must have a task whose index is below {len(cluster[task['type']])}"
    return ""


def _are_addresses(values: Any) -> bool:
    texts = isinstance(values, list) and values and all(isinstance(value, str) for value in values)
    return bool(texts) and all(value.rpartition(":")[0] and value.rpartition(":")[2].isdecimal() for value in values)


def open_team(asked: Any) -> Team:
    """Makes the strategy that was asked for.

    TensorFlow fixes its devices and its workers when it first computes, so this comes before anything else of it.

    Args:
      asked: a text as for `parse_strategy`, a `Strategy`, a tf.distribute.Strategy that is made already, or None.

    Raises:
      InvalidValue: for one that is not known, for more devices than there are, or when it is too late.
    """
    if asked is None:
        return Team()
    if isinstance(asked, str):
        asked = parse_strategy(asked)
    if not isinstance(asked, Strategy):
        return _team_of(asked)
    if asked.kind == MIRRORED:
        return Team(tf.distribute.MirroredStrategy(_devices(asked.num_replicas)))
    if asked.kind == MULTI_WORKER:
        return Team(_multi_worker(asked))
    return Team()


def _team_of(strategy: Any) -> Team:
    known = (
        tf.distribute.MirroredStrategy,
        tf.distribute.MultiWorkerMirroredStrategy,
        tf.distribute.OneDeviceStrategy,
    )
    if not isinstance(strategy, known):
        raise InvalidValue(
            "strategy must be a MirroredStrategy, a MultiWorkerMirroredStrategy or a OneDeviceStrategy: what others do "
            f"to masks and ranges was not tried. Received: {type(strategy).__name__}. Use 'mirrored'."
        )
    return Team(strategy)


def _devices(number: int | None) -> list[str]:
    """The accelerators; on a machine without, as many logical CPU devices."""
    if tf.config.list_physical_devices("GPU"):
        accelerators = [device.name for device in tf.config.list_logical_devices("GPU")]
        if (number or 0) > len(accelerators):
            raise InvalidValue(
                f"--strategy must ask for no more accelerators than there are, {len(accelerators)}. Received: "
                f"{MIRRORED}:{number}. Use {MIRRORED}."
            )
        return accelerators[:number]
    number = number or NUM_LOGICAL_CPUS
    cpu = tf.config.list_physical_devices("CPU")[0]
    one = tf.config.LogicalDeviceConfiguration()
    try:
        tf.config.set_logical_device_configuration(cpu, [one] * number)
    except RuntimeError:  # it has computed already; its devices may do
        num_there = len(tf.config.list_logical_devices("CPU"))
        if num_there < number:
            raise InvalidValue(
                f"strategy={MIRRORED}:{number} must come before TensorFlow's first computation, as it divides the CPU. "
                f"Received: a TensorFlow that runs on {num_there} CPU device. Make it first, or in a new process."
            ) from None
    return [device.name for device in tf.config.list_logical_devices("CPU")[:number]]


def _multi_worker(asked: Strategy) -> Any:
    silent = silent_after(asked.others, START_S) if asked.is_chief else []
    if silent:
        raise WorkerLost(
            f"strategy={MULTI_WORKER} must have all workers of TF_CONFIG started within {START_S:.0f} s of the chief. "
            f"Received: nothing that listens on {', '.join(silent)}. Start the same command in all of them."
        )
    try:
        wait_at_most(START_S)
        with _sigterm_kept():
            return tf.distribute.MultiWorkerMirroredStrategy()
    except (tf.errors.DeadlineExceededError, tf.errors.UnavailableError, tf.errors.AbortedError) as error:
        raise WorkerLost(
            f"strategy={MULTI_WORKER} must have all workers of TF_CONFIG started within {START_S:.0f} s of each "
            "other. Received: at least one that did not come, or has gone. Start the same command in all of them."
        ) from error
    except RuntimeError as error:
        if "startup" not in str(error):
            raise
        raise InvalidValue(
            f"strategy={MULTI_WORKER} must come before TensorFlow's first computation. Received: a TensorFlow that "
            "runs already. Make it first, or in a new process."
        ) from error


@contextlib.contextmanager
def _sigterm_kept() -> Iterator[None]:
    """Gives SIGTERM back to whoever had it: TensorFlow's notice of preemption takes it, and nobody here asks for that.

    A worker that a batch system ends would otherwise work on, until it is killed.
    """
    had = signal.getsignal(signal.SIGTERM)
    yield
    if had is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, had)
