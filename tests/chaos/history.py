"""What clients did and what they were told: one record a call, and when which fault was at work."""

import itertools
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import msgspec

NGINX = "nginx"
"""The target of calls that go the way of everybody's; others go to a service directly and bear its name."""


class Outcome(StrEnum):
    """What a caller may conclude from an answer, or from its absence."""

    OK = "ok"
    """It was done, or answered: for a read that includes "there is no such image"."""
    FAIL = "fail"
    """It was not done, and the answer says so."""
    UNKNOWN = "unknown"
    """It may have been done: no answer came, or one that doesn't tell."""


class Shown(msgspec.Struct, frozen=True):
    """An image in an answer. `sha256` and `kind` (its content type) are what the answer says of its bytes."""

    image: str
    name: str
    version: int
    sha256: str
    kind: str
    words: str
    created: float


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request and its answer. Times are seconds on one monotonic clock.

    `name` is the file name: another one for each upload that is meant to be an image of its own. `sha256` and `kind`
    are those of the bytes that were sent or received. `token` is the number of the write whose consistency token was
    carried, 0 for none. `full` says of a list that there is another page, `after` that everything was over.
    """

    number: int
    client: str
    action: str
    target: str
    start: float
    end: float
    outcome: Outcome
    status: int = 0
    said: str = ""
    image: str = ""
    name: str = ""
    key: str = ""
    sha256: str = ""
    kind: str = ""
    variant: str = ""
    words: str = ""
    token: int = 0
    shown: tuple[Shown, ...] = ()
    full: bool = False
    after: bool = False

    @property
    def is_read(self) -> bool:
        """Whether it only asks."""
        return self.action in READS

    @property
    def is_gone(self) -> bool:
        """Whether the answer is that there is no such image."""
        return self.status == 404 and self.said == "IMAGE_NOT_FOUND"


READS = ("view", "file", "thumbnail", "list")
WRITES = ("upload", "patch", "hide", "delete")
TAKES_AWAY = ("hide", "delete")
"""After these nobody may be shown the image any more: all who look are strangers to whoever hides one."""


class Fault(msgspec.Struct, frozen=True):
    """What was done to the system and for how long."""

    what: str
    start: float
    end: float


class History:
    """Calls in the order in which they ended, and faults."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, run: str = "") -> None:
        """`run` is what all names of this history's uploads begin with: other images belong to others."""
        self.run = run
        self.calls: list[Call] = []
        self.faults: list[Fault] = []
        self.began = clock()
        self._clock = clock
        self._numbers = itertools.count(1)

    def now(self) -> float:
        """Seconds, on the clock of all calls."""
        return self._clock()

    def number(self) -> int:
        """A new call's number."""
        return next(self._numbers)

    def add(self, call: Call) -> Call:
        """Keeps a call."""
        self.calls.append(call)
        return call

    @contextmanager
    def fault(self, what: str) -> Iterator[None]:
        """Notes a fault for as long as the block runs."""
        start = self.now()
        try:
            yield
        finally:
            self.faults.append(Fault(what, start, self.now()))

    def in_fault(self, call: Call) -> bool:
        """Whether a fault was at work during a call."""
        return any(call.start < fault.end and call.end > fault.start for fault in self.faults)

    def lines(self, calls: list[Call]) -> list[str]:
        """Calls for people, in the order of their starts, with the faults between them."""
        told = [(call.start, self._line(call)) for call in calls]
        first, last = min(call.start for call in calls), max(call.end for call in calls)
        for fault in self.faults:
            if fault.start < last and fault.end > first:
                told.append((fault.start, f"{self._at(fault.start)} ── {fault.what} ──"))
                told.append((fault.end, f"{self._at(fault.end)} ── over: {fault.what} ──"))
        return [line for _, line in sorted(told)]

    def _line(self, call: Call) -> str:
        facts: dict[str, Any] = {"image": call.image[-12:], "name": call.name, "key": call.key, "token of": call.token}
        facts |= {"variant": call.variant, "bytes": call.sha256[:8], "says": call.said, "words": call.words}
        facts |= {"shows": " ".join(f"{one.image[-12:]}@{one.version}" for one in call.shown[:5])}
        told = ", ".join(f"{name} {value}" for name, value in facts.items() if value)
        status = call.status or "no answer"
        return (
            f"{self._at(call.start)} to {self._at(call.end)} #{call.number} {call.client} {call.action}"
            f" at {call.target}: {status} ({call.outcome}) {told}"
        )

    def _at(self, moment: float) -> str:
        return f"{moment - self.began:8.3f}"

    def dump(self) -> str:
        """All of it as lines of JSON, for programs."""
        entries = [*self.faults, *sorted(self.calls, key=lambda call: call.start)]
        return "".join(json.dumps(msgspec.to_builtins(entry)) + "\n" for entry in entries)
