"""The chief's desk: who has which trial, which ones came back, and what is in the journal. Nothing here waits.

A trial that is handed out is noted in the journal before its worker hears of it, and its record is there before the
worker gets another: a chief that is killed at any moment goes on with the same trials.
"""

from __future__ import annotations

import collections
import dataclasses
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from ..journal import CRASHED, Journal, TrialRecord, record_from
from .asking import Asking, Nothing
from .line import Message, Refused

ALL_DONE, TIME_UP, ALL_TRIED = "all trials are done", "the time is up", "all was tried"
AT_WORK = "at work"  # the journal's note of the trials that were handed out, their settings by number
LEASE_S = 60.0  # without a sign of life, after which a worker counts as dead
BUSY_S = 2.0  # until a trial whose folder is still locked is handed out again
IDLE_S = 0.5  # until a worker asks again
MOST_DEATHS = 3  # of workers on one trial, after which it has crashed


@dataclasses.dataclass
class Lease:
    """A trial that a worker has, until when unless it says that it is alive."""

    worker: str
    settings: Mapping[str, Any]
    until: float


@dataclasses.dataclass
class Desk:
    """Hands out trials and takes their records; safe to be called from many threads.

    Attributes:
      journal: is written here alone.
      num_trials: all of them.
      score: of a record, as `asking` takes it.
      finished: is called for each new record that is in the journal.
      say: is given a line about workers.
      may_begin: whether there is time for another trial.
      seconds_left: until the end of the search; None: there is none.
      about: what the search is; workers of another one are refused.
      lease_s: without a sign of life, after which a worker counts as dead.
      clock: in seconds.
      asking: what proposes; None until the uncompressed model is there, and workers wait.
      ends: why no more is handed out; empty while it is.
      marked: gives a new record as the journal is to have it.
    """

    journal: Journal
    num_trials: int
    score: Callable[[TrialRecord], float | None]
    finished: Callable[[TrialRecord], None] = lambda record: None
    say: Callable[[str], None] = lambda text: None
    may_begin: Callable[[], bool] = lambda: True
    seconds_left: Callable[[], float | None] = lambda: None
    about: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    lease_s: float = LEASE_S
    clock: Callable[[], float] = time.monotonic
    asking: Asking | None = None
    ends: str = ""
    marked: Callable[[TrialRecord], TrialRecord] = lambda record: record

    def __post_init__(self) -> None:
        self._lock, self._asks = threading.RLock(), threading.Lock()
        self._leases: dict[int, Lease] = {}
        self._waiting: dict[int, tuple[Mapping[str, Any], float]] = {}  # settings, and from when on
        self._deaths: collections.Counter[int] = collections.Counter()
        self._answers: list[TrialRecord] = []
        self.workers: dict[str, float] = {}  # by name, when last heard of
        done = {trial.number for trial in self.journal.trials}
        for number, settings in self.journal.notes.get(AT_WORK, {}).items():
            if int(number) not in done:
                self._waiting[int(number)] = settings, 0.0

    @property
    def at_work(self) -> list[Mapping[str, Any]]:
        """The choices of trials that were begun and are not finished."""
        with self._lock:
            return [*(lease.settings for lease in self._leases.values()), *(each for each, _ in self._waiting.values())]

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do."""
        with self._lock:
            return bool(self.ends) and not self._leases

    def handlers(self) -> Mapping[str, Callable[[Message], Message]]:
        """What answers workers' messages, by name."""
        return {"join": self.join, "next": self.next, "hand_in": self.hand_in, "beat": self.beat, "back": self.back}

    def join(self, message: Message) -> Message:
        """A worker says who it is."""
        about, worker = message.get("about"), self._heard(message)
        if not isinstance(about, dict):
            raise Refused("a worker that does not say what it searches")
        other = sorted(name for name in {*about, *self.about} if about.get(name) != self.about.get(name))
        if other:
            raise Refused(f"a worker of a search with other {', '.join(other)}")
        self.say(f"{worker} is here" + (f", on {message['host']}" if message.get("host") else ""))
        return {}

    def next(self, message: Message) -> Message:
        """A trial for a worker, or that it is to wait, or to end."""
        worker = self._heard(message)
        with self._asks:
            with self._lock:
                for number, lease in list(self._leases.items()):
                    if lease.worker == worker:  # it begins anew, or has not heard of it
                        self._put_back(number, 0.0)
            self._pass_answers()
            found = self._waiting_one(worker) or self._new_one(worker)
        return found or {"do": "wait", "seconds": IDLE_S}

    def hand_in(self, message: Message) -> Message:
        """A finished trial: it is in the journal when this returns."""
        worker = self._heard(message)
        try:
            record = record_from(message["record"])
        except (KeyError, TypeError, ValueError) as error:
            raise Refused(f"a record that cannot be read ({error!r})") from error
        with self._lock:
            if any(trial.number == record.number for trial in self.journal.trials):
                return {}  # of one who had counted as dead, or who did not hear that it had arrived
            lease = self._leases.get(record.number)
            settings = lease.settings if lease else self._waiting.get(record.number, ({}, 0.0))[0]
            if dict(settings) != dict(record.settings):
                raise Refused(f"a record of trial {record.number}, which nobody has, from {worker}")
            self._finish(self.marked(record))
        return {}

    def beat(self, message: Message) -> Message:
        """A worker is alive; hears whether its trial is still its own, and how long there is time."""
        worker, number = self._heard(message), message.get("number")
        with self._lock:
            if isinstance(number, int) and number in self._waiting:  # of a chief before, or of one that was not dead
                self._leases[number] = Lease(worker, self._waiting.pop(number)[0], 0.0)
            lease = self._leases.get(number) if isinstance(number, int) else None
            if lease is not None and lease.worker == worker:
                lease.until = self.clock() + self.lease_s
            goes_on = lease is not None and lease.worker == worker
        return {"goes_on": goes_on, "seconds_left": self.seconds_left()}

    def back(self, message: Message) -> Message:
        """A worker gives its trial back; where another one is still in its folder, it is handed out a little later."""
        worker, number = self._heard(message), message.get("number")
        with self._lock:
            lease = self._leases.get(number) if isinstance(number, int) else None
            if lease is not None and lease.worker == worker:
                self._put_back(int(number or 0), BUSY_S if message.get("is_busy") else 0.0)
        return {}

    def lost(self, worker: str, why: str) -> None:
        """A worker has died: its trial is for the others."""
        with self._lock:
            self.workers.pop(worker, None)
            lost = [number for number, lease in self._leases.items() if lease.worker == worker]
            given = f": trial {', '.join(map(str, lost))} is given to another" if lost else ""
            self.say(f"{worker} {why}{given}")
            for number in lost:
                self._deaths[number] += 1
                settings = self._leases[number].settings
                self._put_back(number, 0.0)
                if self._deaths[number] >= MOST_DEATHS:
                    reason = f"WorkerLost: {MOST_DEATHS} workers died of it; the last one {why}"
                    self._finish(TrialRecord(number, settings, CRASHED, reason))

    def look(self) -> None:
        """Counts those as dead who gave no sign of life; ends where nothing is left to do."""
        with self._lock:
            now = self.clock()
            if len(self.journal.trials) >= self.num_trials:
                self.end(ALL_DONE)
            elif not self._leases and not self.may_begin():
                self.end(TIME_UP)
            for worker in {lease.worker for lease in self._leases.values() if lease.until < now}:
                self.lost(worker, f"gave no sign of life for {self.lease_s:.0f} s")
            at_work = {lease.worker for lease in self._leases.values()}
            for worker, heard in list(self.workers.items()):
                if worker not in at_work and heard + self.lease_s < now:
                    del self.workers[worker]

    def end(self, why: str) -> None:
        """Hands out no more."""
        with self._lock:
            self.ends = self.ends or why

    def _heard(self, message: Message) -> str:
        worker = message.get("worker")
        if not isinstance(worker, str) or not worker:
            raise Refused("a worker without a name")
        with self._lock:
            self.workers[worker] = self.clock()
        return worker

    def _pass_answers(self) -> None:
        with self._lock:
            answers, self._answers = self._answers, []
        for record in answers:
            if self.asking is not None:
                self.asking.answer(record.settings, self.score(record))

    def _waiting_one(self, worker: str) -> Message | None:
        with self._lock:
            if self.ends:
                return {"do": "end", "why": self.ends}
            if self.asking is None:
                return {"do": "wait", "seconds": IDLE_S}
            ready = [number for number, (_, since) in self._waiting.items() if since <= self.clock()]
            if not ready or not self._has_time():
                return self._end_or_wait() if self.ends else None
            number = min(ready)
            return self._lease(worker, number, self._waiting.pop(number)[0])

    def _new_one(self, worker: str) -> Message | None:
        with self._lock:
            begun = len(self.journal.trials) + len(self._leases) + len(self._waiting)
            if begun >= self.num_trials:
                if begun == len(self.journal.trials):
                    self.end(ALL_DONE)
                return self._end_or_wait()
            if not self._has_time():
                return self._end_or_wait()
        chosen = self.asking.ask() if self.asking is not None else Nothing.NOW
        with self._lock:
            if isinstance(chosen, Nothing):
                if not self._leases and not self._waiting:  # nothing that is at work can give it more to say
                    self.end(ALL_TRIED)
                return self._end_or_wait()
            return self._lease(worker, self._free_number(), chosen)

    def _has_time(self) -> bool:
        if not self.may_begin():
            self.end(TIME_UP)
        return not self.ends

    def _end_or_wait(self) -> Message:
        return {"do": "end", "why": self.ends} if self.ends else {"do": "wait", "seconds": IDLE_S}

    def _free_number(self) -> int:
        taken = {trial.number for trial in self.journal.trials} | {*self._leases, *self._waiting}
        return next(number for number in range(1, len(taken) + 2) if number not in taken)

    def _lease(self, worker: str, number: int, settings: Mapping[str, Any]) -> Message:
        self._leases[number] = Lease(worker, settings, self.clock() + self.lease_s)
        self._note()
        return {"do": "trial", "number": number, "settings": dict(settings), "seconds_left": self.seconds_left()}

    def _put_back(self, number: int, wait_s: float) -> None:
        self._waiting[number] = self._leases.pop(number).settings, self.clock() + wait_s

    def _note(self) -> None:
        """On disk, what is begun and not finished."""
        begun = {number: lease.settings for number, lease in self._leases.items()}
        begun |= {number: settings for number, (settings, _) in self._waiting.items()}
        self.journal.note(AT_WORK, {str(number): dict(settings) for number, settings in sorted(begun.items())})

    def _finish(self, record: TrialRecord) -> None:
        self.journal.add(record)
        self._leases.pop(record.number, None)
        self._waiting.pop(record.number, None)
        self._answers.append(record)
        self.finished(record)
