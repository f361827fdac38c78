"""Finding the credential that a token stands for, on top of a base that lags.

    attached:  memory, which has nothing that is in the overlay
               the overlay, while the replica may not have the change
               the replica, as of what was heard
               the primary, for what the replica doesn't know
    detached:  the replica, as of what the primary had when the request came, else the primary

It is the rule of images (`decide.py`) but for one thing. That a replica doesn't know a token means little, because its
user may have logged in a moment ago, and the event of that may be on its way: so the primary is asked before anybody is
refused. What it doesn't know it will never know, for nobody can guess a token that is to be made.
"""

from collections import OrderedDict
from collections.abc import Callable

import msgspec

from contracts.accounts import Credential
from contracts.errors import Unavailable
from contracts.events import CredentialChanged, Event
from services.read.base import Base
from services.read.flights import Flights
from services.read.overlay import Entry, Overlay
from services.read.ports import Keyring, Lease

SIZE = 900
"""Bytes that a credential takes, with its entry in a table."""

MOST_REMEMBERED = 20_000
MOST_ABSENT = 10_000
"""Credentials remembered, and hashes of tokens that nobody has: some 20 MB together."""

MAX_AGE = 60.0
"""Seconds after which a credential is looked up again, lest a lost event is felt for ever."""


class RecentCredentials:
    """Keeps the overlay of credentials and the memory of them in step with the stream of events."""

    def __init__(self, max_bytes: int, *, clock: Callable[[], float]) -> None:
        """`max_bytes` bounds the overlay; `clock` gives seconds and never goes back."""
        self.overlay: Overlay[bytes, Credential] = Overlay(max_bytes)
        self._clock = clock
        self._remembered: OrderedDict[bytes, tuple[Credential, float]] = OrderedDict()
        self._absent: OrderedDict[bytes, None] = OrderedDict()

    def hear(self, event: Event, lsn: int) -> None:
        """Takes the credential of an event. Never blocks."""
        if not isinstance(event, CredentialChanged):
            return
        credential = event.credential
        key = bytes.fromhex(credential.token_hash)
        value = None if credential.revoked_at is not None else credential
        self.overlay.apply(key, Entry(event.version, lsn, event.occurred_at, value, SIZE))
        self._remembered.pop(key, None)
        self._absent.pop(key, None)

    def settle(self, position: int) -> None:
        """The replica has replayed up to here."""
        self.overlay.settle(position)

    def doubt(self) -> None:
        """Events were missed."""
        self.overlay.doubt()
        self._remembered.clear()

    def begin(self, position: int) -> None:
        """What was committed before this position is known to the base alone."""
        self.overlay.begin(position)
        self._remembered.clear()

    def get(self, token_hash: bytes) -> Credential | None:
        """What is remembered."""
        held = self._remembered.get(token_hash)
        if held is None or held[1] < self._clock():
            return None
        self._remembered.move_to_end(token_hash)
        return held[0]

    def remember(self, token_hash: bytes, credential: Credential, as_of: int) -> None:
        """Keeps what a base had as of a position, if that is all that was heard."""
        if self.overlay.get(token_hash) is not None or as_of < self.overlay.needed(token_hash):
            return
        self._remembered[token_hash] = (credential, self._clock() + MAX_AGE)
        self._remembered.move_to_end(token_hash)
        if len(self._remembered) > MOST_REMEMBERED:
            self._remembered.popitem(last=False)

    def is_absent(self, token_hash: bytes) -> bool:
        """Whether the primary has said that nobody has this token."""
        return token_hash in self._absent

    def remember_absent(self, token_hash: bytes) -> None:
        """Keeps that nobody has this token, and nobody will."""
        self._absent[token_hash] = None
        if len(self._absent) > MOST_ABSENT:
            self._absent.popitem(last=False)


class CredentialSources(msgspec.Struct, frozen=True):
    """Everything that knows credentials."""

    recent: RecentCredentials
    keyring: Keyring
    primary_keyring: Keyring
    base: Base
    lease: Lease
    flights: Flights[Credential | None] = msgspec.field(default_factory=Flights)


async def find_credential(token_hash: bytes, *, sources: CredentialSources) -> Credential | None:
    """The credential as it is now, expired or not; None when there is none any more, or never was one.

    Raises `Unavailable` when nobody who could answer is there.
    """
    recent, is_attached = sources.recent, sources.lease.is_held
    if recent.is_absent(token_hash):
        return None
    if is_attached and (held := recent.get(token_hash)) is not None:
        return held
    entry = recent.overlay.get(token_hash)
    if entry is not None and (is_attached or entry.is_gone):
        return entry.value
    index = 0 if is_attached else await sources.base.index()
    demand = max(index, recent.overlay.needed(token_hash))
    # Only those who demand the same share an answer: the primary's may be from before somebody else's request.
    return await sources.flights.join((token_hash, demand), lambda: _ask(token_hash, sources, demand))


async def _ask(token_hash: bytes, sources: CredentialSources, demand: int) -> Credential | None:
    recent, base = sources.recent, sources.base
    if base.position >= demand:
        found = await _ask_replica(token_hash, sources, demand)
        if found is not None:
            return found
    seen = await base.ask_primary(lambda _: sources.primary_keyring.select_credential(token_hash))
    if seen.credential is None:
        recent.remember_absent(token_hash)
    return seen.credential


async def _ask_replica(token_hash: bytes, sources: CredentialSources, demand: int) -> Credential | None:
    """What the replica has, if it has the token, and all that was heard of it until it answered."""
    try:
        seen = await sources.keyring.select_credential(token_hash)
    except Unavailable:
        return None
    if seen.credential is None or seen.as_of < max(demand, sources.recent.overlay.needed(token_hash)):
        return None
    sources.recent.remember(token_hash, seen.credential, seen.as_of)
    return seen.credential
