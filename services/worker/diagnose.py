"""Finding out what has become of one image, wherever something is known of it."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec

from contracts.errors import ObjectMissing, Unavailable
from contracts.images import Image, Status

Digest = Callable[[bytes], str]
"""SHA-256 in hexadecimal."""

LATE = timedelta(minutes=2)
"""After which rendering, erasing and publishing count as late."""


class Copy(msgspec.Struct, frozen=True):
    """One copy of an object: `state` is there, missing, wrong (its bytes) or unknown (the shard did not say).

    `placed` says that the row names this shard, `wanted` that the ring does.
    """

    key: str
    shard: str
    state: str
    size: int | None
    placed: bool
    wanted: bool


class Event(Protocol):
    """An event in the outbox."""

    @property
    def type(self) -> str: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def published_at(self) -> datetime | None: ...


class View(Protocol):
    """What a replica knows."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> int | None: ...
    @property
    def problem(self) -> str | None: ...


class Shard(Protocol):
    """Where copies lie. Raises `Unavailable`."""

    async def head(self, key: str) -> int | None: ...

    async def get(self, key: str) -> bytes: ...


class Owners(Protocol):
    """The ring."""

    def owners(self, key: str, copies: int) -> tuple[str, ...]: ...


class Stored(msgspec.Struct, frozen=True):
    """An object that an image needs. `sha256` is known of originals only."""

    key: str
    placement: tuple[str, ...]
    size: int
    sha256: str | None = None


def stored(image: Image) -> tuple[Stored, ...]:
    """Every object of an image."""
    blob = image.blob
    return (
        Stored(blob.key, blob.placement, blob.size, blob.sha256),
        *(Stored(made.key, made.placement, made.size) for made in blob.derivatives),
    )


async def look_at_copies(
    image: Image, *, shards: Mapping[str, Shard], ring: Owners, copies: int, digest: Digest | None = None
) -> tuple[Copy, ...]:
    """The state of each copy that is recorded or that the ring wants; with `digest` the bytes of originals are read and
    compared. Waits no longer than the shards' own deadlines.
    """
    looks: list[Coroutine[Any, Any, Copy]] = []
    for item in stored(image):
        wanted = ring.owners(item.key, copies)
        names = dict.fromkeys((*item.placement, *wanted))
        looks.extend(_look(item, name, shards.get(name), name in wanted, digest) for name in names)
    return tuple(await asyncio.gather(*looks))


async def _look(item: Stored, name: str, shard: Shard | None, wanted: bool, digest: Digest | None) -> Copy:
    state, size = "unknown", None
    if shard is not None:
        try:
            state, size = await _state(item, shard, digest)
        except Unavailable:
            state = "unknown"
    return Copy(item.key, name, state, size, name in item.placement, wanted)


async def _state(item: Stored, shard: Shard, digest: Digest | None) -> tuple[str, int | None]:
    size = await shard.head(item.key)
    if size is None:
        return "missing", None
    if size != item.size:
        return "wrong", size
    if digest and item.sha256:
        try:
            return ("there" if digest(await shard.get(item.key)) == item.sha256 else "wrong"), size
        except ObjectMissing:
            return "missing", None
    return "there", size


def findings(
    image: Image | None,
    *,
    now: datetime,
    copies: Sequence[Copy],
    events: Sequence[Event],
    quarantined: Sequence[object],
    replicas: Sequence[View],
    readers: Mapping[str, str],
) -> list[str]:
    """What is not as it should be, in sentences. `readers` says what is wrong with which of them."""
    found = [] if image is None else [*_of_image(image, now), *_of_copies(image, copies)]
    if any(event.published_at is None and now - event.created_at > LATE for event in events):
        found.append("Events have waited in the outbox for more than two minutes: does the worker run, does NATS?")
    if quarantined:
        found.append("An event of this image was given up: chitram quarantine show ID")
    for view in replicas:
        if view.problem:
            found.append(f"The replica {view.name} does not answer: {view.problem}")
        elif image is not None and view.version != image.version:
            had = f"has version {view.version}" if view.version else "doesn't know the image yet"
            found.append(f"The replica {view.name} {had}; the primary has version {image.version}.")
    found.extend(f"The read service {name}: {problem}" for name, problem in readers.items())
    return found


def _of_image(image: Image, now: datetime) -> list[str]:
    if image.deleted_at is not None:
        waiting = now - image.deleted_at
        return [f"It was deleted {_ago(waiting)} ago and is not erased yet."] if waiting > LATE else []
    if image.expires_at is not None and now - image.expires_at > LATE:
        return [f"Its time has been over for {_ago(now - image.expires_at)} and it is not deleted yet."]
    if image.status is Status.PROCESSING and now - image.created_at > LATE:
        return [f"It has been processed for {_ago(now - image.created_at)}."]
    if image.failure:
        return [f"It has no thumbnails: {image.failure.code}, {image.failure.message}"]
    return []


def _of_copies(image: Image, copies: Sequence[Copy]) -> list[str]:
    found = []
    for item in stored(image):
        placed = [copy for copy in copies if copy.key == item.key and copy.placed]
        good = sum(copy.state == "there" for copy in placed)
        if good < len(placed):
            bad = ", ".join(f"{copy.shard}: {copy.state}" for copy in placed if copy.state != "there")
            found.append(f"{good} of {len(placed)} copies of {item.key} are there ({bad}).")
        if any(copy.wanted and not copy.placed for copy in copies if copy.key == item.key):
            found.append(f"{item.key} does not lie where the ring wants it: see chitram shards.")
    return found


def _ago(duration: timedelta) -> str:
    minutes = int(duration.total_seconds() // 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
