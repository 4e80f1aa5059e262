"""The chief of a search: listens to the workers, starts those of its own machine, and watches until all is done."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..engine import Stopped
from .asking import Asking
from .desk import ALL_DONE, ALL_TRIED, TIME_UP, Desk
from .line import FOLDER, Listening, secret_in
from .place import Place
from .processes import Processes

LOOK_S = 0.1  # between two looks at the workers
HEAR_S = 3.0  # that workers have, at the end, to hear of it
GRACE_S = 10.0  # that workers have, once the time is up, to leave their trainings


class Chief:
    """A chief that listens.

    Args:
      place: where; its port may be 0.
      root: the folder of the search.
      desk: what workers are answered.
      num_workers: that it starts; None for none: they come from elsewhere.
      command: of the workers that it starts.
      variables: of their environment.
    """

    def __init__(
        self,
        place: Place,
        root: Path,
        desk: Desk,
        num_workers: int | None = None,
        command: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
    ):
        self.desk, self.root, self._is_closed = desk, root, False
        self._listening = Listening(place.host, place.port, secret_in(root, makes=True), desk.handlers())
        self.port, self._num_seen = self._listening.port, len(desk.journal.trials)
        self.processes = (
            None
            if num_workers is None
            else Processes(command, num_workers, place.host, self._listening.port, root, variables)
        )

    def lead(self, asking: Asking) -> str:
        """Has the workers do all trials; gives why it ended, "all trials are done" or "all was tried".

        Raises:
          Stopped: when the time is up.
          WorkerLost: when no worker of its own is left.
        """
        desk = self.desk
        desk.asking = asking
        desk.look()
        if self.processes is not None and not desk.ends:
            desk.say(
                f"{len(self.processes.names)} workers of {self.processes.num_threads} threads each, which speak to "
                f"{self.root / FOLDER}"
            )
            self.processes.start()
        while not desk.is_over:
            self._look()
            time.sleep(LOOK_S)
        if desk.ends not in (ALL_DONE, ALL_TRIED):
            raise Stopped(desk.ends)
        return desk.ends

    def _look(self) -> None:
        if self._listening.failed:
            raise self._listening.failed[0]
        if self.processes is not None:
            if self._num_seen != len(self.desk.journal.trials):
                self._num_seen = len(self.desk.journal.trials)
                self.processes.well()
            for name, why in self.processes.ended():
                self.desk.lost(name, why)
            if not self.desk.ends and not self.desk.workers:
                self.processes.require_one()
        self.desk.look()
        left = self.desk.seconds_left()
        if left is not None and left < -GRACE_S:
            raise Stopped(TIME_UP)

    def close(self, why: str) -> None:
        """Ends: says so to the workers that ask, and ends those of its own. A second call does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        self.desk.end(why)
        if self.processes is not None:
            self.processes.wait(HEAR_S if self.desk.is_over else 0.0)
            self.processes.stop()
        elif self.desk.workers:
            time.sleep(HEAR_S)  # that they hear of it
        self._listening.close()
