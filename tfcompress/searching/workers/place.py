"""Where a process stands in a search of several: read from keras-tuner's environment variables, without TensorFlow."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping

from ...core.errors import InvalidValue

NAME, HOST, PORT = "KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT"
STARTED_BY = "TFCOMPRESS_SEARCH_STARTED_BY"  # the chief's process id, in workers that it started itself
CHIEF = "chief"  # in a name that is the chief's, as keras-tuner has it


@dataclasses.dataclass(frozen=True)
class Place:
    """One of the processes of a search.

    Attributes:
      name: of this process; a worker's is its own.
      host: on which the chief listens, 0.0.0.0 for all of its machine's addresses.
      port: likewise; 0 for any that is free.
      is_started: whether the chief started it, and it ends with the chief.
    """

    name: str
    host: str
    port: int
    is_started: bool = False

    @property
    def is_chief(self) -> bool:
        """Whether it proposes and keeps the journal, and runs no trial."""
        return CHIEF in self.name


LOCAL_CHIEF = Place(CHIEF, "127.0.0.1", 0)


def place_in(environment: Mapping[str, str] = os.environ) -> Place | None:
    """What keras-tuner's three environment variables say; None where there are none of them.

    Raises:
      InvalidValue: when some of them are missing, or the port is none.

    >>> place_in({"KERASTUNER_TUNER_ID": "w1", "KERASTUNER_ORACLE_IP": "10.0.0.1", "KERASTUNER_ORACLE_PORT": "8000"})
    Place(name='w1', host='10.0.0.1', port=8000, is_started=False)
    """
    found = {name: environment.get(name, "") for name in (NAME, HOST, PORT)}
    if not any(found.values()):
        return None
    missing = [name for name, value in found.items() if not value]
    if missing:
        raise InvalidValue(
            f"{NAME}, {HOST} and {PORT} must be set together. Received: no {', '.join(missing)}. Set all three: the "
            f"same address everywhere, the name {CHIEF} in one process, and a name of its own in each worker."
        )
    if not re.fullmatch(r"[\w.-]{1,60}", found[NAME]):
        raise InvalidValue(
            f"{NAME} must be up to 60 letters, digits, dots and dashes. Received: {found[NAME]!r}. Use worker1."
        )
    port = found[PORT]
    if not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise InvalidValue(f"{PORT} must be a port, 1 to 65535. Received: {port!r}. Use 18431.")
    return Place(found[NAME], found[HOST], int(port), bool(environment.get(STARTED_BY)))


def chosen_place(num_workers: int | None, environment: Mapping[str, str] = os.environ) -> Place | None:
    """The place of this process; None where the search has this process alone.

    Args:
      num_workers: that were asked for on this machine; None for none.
      environment: of the process.

    Raises:
      InvalidValue: when what was asked for does not fit together.

    >>> chosen_place(3, {}).is_chief
    True
    """
    place = place_in(environment)
    if num_workers is not None and num_workers < 1:
        raise InvalidValue(f"search.workers must be at least 1. Received: {num_workers}. Leave it out for one process.")
    if num_workers is None or (place and place.is_started):
        return place
    if place and not place.is_chief:
        raise InvalidValue(
            f"search.workers must be asked for where the chief is. Received: {num_workers}, in the worker {place.name} "
            f"({NAME}). Leave it out, and start as many processes, each with a name of its own."
        )
    return place or LOCAL_CHIEF


def threads_each(num_workers: int, num_cores: int) -> int:
    """The threads of each worker, so that all of them have as many as there are cores.

    >>> threads_each(3, 8), threads_each(4, 2)
    (2, 1)
    """
    return max(1, num_cores // num_workers)
