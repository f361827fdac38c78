"""What the worker's use cases need from outside, as narrowly as they need it."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar
from uuid import UUID

from contracts.events import Event
from contracts.images import Blob, Derivative, Failure, Image, Status
from contracts.principals import Principal

Clock = Callable[[], datetime]


class OutboxRow(Protocol):
    """An event that was committed and not yet published."""

    @property
    def id(self) -> UUID: ...
    @property
    def type(self) -> str: ...
    @property
    def payload(self) -> bytes: ...
    @property
    def lsn(self) -> str: ...


class Batch(Protocol):
    """Rows that nobody else has while the claim lasts."""

    @property
    def rows(self) -> Sequence[OutboxRow]: ...

    async def mark_published(self, ids: Sequence[UUID]) -> None: ...

    async def set_aside(self, ids: Sequence[UUID]) -> None:
        """These are not to be claimed again."""
        ...


class Outbox(Protocol):
    """Events on their way out. Raises `Unavailable`."""

    def claim(self, limit: int) -> AbstractAsyncContextManager[Batch]: ...


class OutboxKeeper(Protocol):
    """Counts and drops rows of the outbox. Raises `Unavailable`."""

    async def pending(self) -> int: ...

    async def prune(self, before: datetime) -> int: ...


StreamPlace = Callable[[], Awaitable[tuple[str, int]]]
"""When the stream was made, and the sequence of its last event. Raises `Unavailable`."""


class Heartbeat(Protocol):
    """The row by which replicas tell how far in the stream they are. Raises `Unavailable`."""

    async def beat(self, stream: str, sequence: int) -> None: ...


Purge = Callable[[str], Awaitable[None]]
"""Returns when no cache before the gateway gives out what carries a tag any more. Raises `Unavailable`."""


class Publish(Protocol):
    """Hands an event to the stream; returns when it is durable there.

    Raises `Unavailable`, and `EventTooLarge` for one that the stream will never take.
    """

    def __call__(self, row: OutboxRow) -> Awaitable[None]: ...


class Objects(Protocol):
    """Where bytes are kept. Raises `Unavailable`."""

    async def get(self, key: str, placement: tuple[str, ...], *, sha256: str | None = None) -> bytes:
        """The bytes of a copy, with `sha256` of one that has it. Raises `ObjectMissing` when there is none."""
        ...

    async def put(self, key: str, body: bytes, content_type: str) -> tuple[str, ...]: ...

    async def delete(self, key: str, placement: tuple[str, ...]) -> None: ...


class Picture(Protocol):
    """A rendered variant. Lengths in pixels."""

    @property
    def variant(self) -> str: ...
    @property
    def content_type(self) -> str: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def data(self) -> bytes: ...


class Rendered(Protocol):
    """Everything that was made of a picture."""

    @property
    def pictures(self) -> Sequence[Picture]: ...
    @property
    def placeholder(self) -> str | None: ...
    @property
    def dominant_color(self) -> str | None: ...
    @property
    def perceptual_hash(self) -> str | None: ...


class Recorded(Protocol):
    """Changes that are durable, each with its event."""

    @property
    def events(self) -> Sequence[Event]: ...


class Departures(Protocol):
    """Deletes what belonged to deleted accounts. Raises `Unavailable`."""

    async def select_departing(self) -> Sequence[UUID]: ...

    async def delete_images(self, owner_id: UUID, limit: int, by: Principal) -> Recorded: ...

    async def forget(self, user_id: UUID, before: datetime) -> None:
        """Removes the account's row if it was deleted before that and has no images any more."""
        ...


class Expiring(Protocol):
    """Rows that are dropped when they are old. Raises `Unavailable`."""

    async def prune(self, before: datetime) -> int: ...


class Render(Protocol):
    """Decodes and renders an original outside of this process, or `only` some variants, by name.

    Gives the failure where that can't be done.
    """

    def __call__(self, data: bytes, blob: Blob, only: tuple[str, ...] = ()) -> Awaitable[Rendered | Failure]: ...


class Looked(Protocol):
    """A step of a request: the last blob looked at, None at the end; how many were, and are to be rendered anew."""

    @property
    def last(self) -> UUID | None: ...
    @property
    def blobs(self) -> int: ...
    @property
    def requested(self) -> int: ...


class Claimed(Protocol):
    """A blob some of whose variants nobody else makes anew just now; `attempts` counts this one."""

    @property
    def blob(self) -> Blob: ...
    @property
    def variants(self) -> tuple[str, ...]: ...
    @property
    def attempts(self) -> int: ...


C = TypeVar("C", bound=Claimed)


class RerenderList(Protocol):
    """Puts blobs on the list of those that are to be rendered anew. Raises `Unavailable`."""

    async def request(
        self, after: UUID, wanted: Sequence[dict[str, object]], *, named: Sequence[str], since: datetime
    ) -> Looked: ...


class Rerenders(Protocol[C]):
    """The blobs that are to be rendered anew. Raises `Unavailable`."""

    async def claim(self, lease: timedelta) -> C | None: ...

    async def keep(self, claimed: C, lease: timedelta) -> None: ...

    async def give_back(self, claimed: C, pause: timedelta, *, counts: bool) -> None: ...

    async def record_problem(self, claimed: C, problem: str) -> None: ...

    async def record(
        self, claimed: C, derivatives: Sequence[Derivative], *, described: dict[str, str | None], grace: timedelta
    ) -> bool:
        """False when somebody else has changed the derivatives meanwhile."""
        ...


class Due(Protocol):
    """Copies, each an object's key and a shard, that nobody else has while the claim lasts."""

    @property
    def copies(self) -> Sequence[tuple[str, str]]: ...

    async def forget(self, copies: Iterable[tuple[str, str]]) -> None: ...

    async def postpone(self, copies: Iterable[tuple[str, str]], not_before: datetime) -> None: ...


class IdempotencyKeys(Protocol):
    """Keys of uploads that may be sent again. Raises `Unavailable`."""

    async def prune(self, before: datetime) -> int: ...


class DueCopies(Protocol):
    """Copies that were given up, as they fall due. Raises `Unavailable`."""

    def claim(self, now: datetime, limit: int) -> AbstractAsyncContextManager[Due]: ...


class Progress(Protocol):
    """How far the rendering of a blob has come, and how many seconds it took."""

    @property
    def state(self) -> Status: ...
    @property
    def seconds(self) -> float: ...


class Ledger(Protocol):
    """The primary's truth. Each call writes rows and events together, and may be repeated. Raises `Unavailable`."""

    async def record_ready(
        self,
        blob_id: UUID,
        *,
        derivatives: tuple[Derivative, ...],
        placeholder: str | None,
        dominant_color: str | None,
        perceptual_hash: str | None,
        seconds: float | None,
    ) -> tuple[Image, ...]: ...

    async def record_failed(
        self, blob_id: UUID, failure: Failure, *, for_good: bool, seconds: float | None = None
    ) -> tuple[Image, ...]:
        """Unless it is `for_good`, the same bytes get another chance when they are sent again."""
        ...

    async def record_joined(self, image_id: UUID) -> Image | None:
        """Ends the waiting of an image whose blob was rendered for others; None if it doesn't wait or still has to."""
        ...

    async def progress_of(self, blob_id: UUID) -> Progress | None:
        """How far a blob's rendering is; None when it is not on record any more."""
        ...

    async def erase(self, image_id: UUID, blob_id: UUID, not_before: datetime) -> None:
        """Removes a deleted image and, when no other has it, its blob, whose objects are due after `not_before`."""
        ...


class GivenUp(Protocol):
    """An event that a consumer will not try again; `event` is None when it can't be decoded."""

    @property
    def event(self) -> Event | None: ...


class Keeper(Protocol):
    """Where events are kept that were given up. Raises `Unavailable`."""

    async def insert(self, given_up: Any) -> None:
        """Keeps one, whatever its consumer knows of it; again is no harm."""
        ...


class QuarantineKeeper(Protocol):
    """Counts what was given up, and lets go of what was done all the same. Raises `Unavailable`."""

    async def count(self) -> dict[str, int]:
        """How many there are of each consumer."""
        ...

    async def prune(self, purges_before: datetime) -> int:
        """Gives how many it let go. Those of `purge` go by their age."""
        ...


class Reconciler(Protocol):
    """Knows what work is not done. Raises `Unavailable`."""

    async def round(self, before: datetime) -> int:
        """Of what has waited since before a time, has some asked for again; gives how much."""
        ...
