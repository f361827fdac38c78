"""A read service in memory: what it asks, and what it hears, is in the test's hands."""

import asyncio
import time
from collections.abc import Callable
from uuid import uuid4

import msgspec

from contracts.errors import Unavailable
from contracts.events import ImageChanged
from contracts.principals import ANONYMOUS
from services.read.asking import Asking
from services.read.base import Base
from services.read.look_up import Sources, look_up
from services.read.memory import Memory
from services.read.overlay import Overlay
from services.read.recent import RecentImages
from tests.unit.samples import NOON

TTL = 60.0


class Found(msgspec.Struct):
    image: object
    as_of: int


class Look(msgspec.Struct):
    position: int
    stream: str | None = None
    sequence: int = 0


class Server:
    """A replica, or the primary: rows that a test sets, a position, and questions that can be held up or refused."""

    def __init__(self):
        self.rows = {}
        self.at = 0
        self.questions = 0
        self.is_there = True
        self.meanwhile: Callable[[], None] = lambda: None

    async def select_image(self, image_id):
        self.questions += 1
        as_of, image = self.at, self.rows.get(image_id)
        await asyncio.sleep(0)
        self.meanwhile()
        if not self.is_there:
            raise Unavailable
        return Found(image, as_of)

    async def look(self):
        if not self.is_there:
            raise Unavailable
        return Look(self.at)

    async def position(self):
        if not self.is_there:
            raise Unavailable
        return self.at


class Cache:
    def __init__(self):
        self.entries = {}

    async def get(self, image_id):
        return self.entries.get(image_id)

    async def put(self, image_id, version, as_of, data, ttl):
        await asyncio.sleep(0)
        self.entries[image_id] = Cached(data, as_of)


class Cached(msgspec.Struct):
    data: bytes
    as_of: int


class Lease(msgspec.Struct):
    is_held: bool = True


class Service:
    """What a read service is made of, with its servers and its stream in the test's hands."""

    def __init__(self):
        self.replica, self.primary, self.cache, self.lease = Server(), Server(), Cache(), Lease()
        self.now = NOON
        self.memory = Memory(1 << 20, TTL, clock=time.monotonic)
        self.overlay = Overlay(1 << 20)
        self.recent = RecentImages(self.overlay, self.memory)
        self.base = Base(
            replica=self.replica,
            rows=self.replica,
            primary=self.primary,
            primary_rows=self.primary,
            budget=1,
            lag_bound=2.0,
            settle=self.recent.settle,
        )
        self.sources = Sources(self.memory, self.overlay, self.cache, self.base, self.lease, TTL, lambda: self.now)

    def commit(self, image, lsn):
        """A change happens on the primary."""
        self.primary.rows[image.id] = image
        self.primary.at = lsn

    async def replay(self):
        """The replica catches up, and the service knows."""
        self.replica.rows, self.replica.at = dict(self.primary.rows), self.primary.at
        await self.base.look()

    def hear(self, image, lsn, kind=ImageChanged):
        self.recent.hear(kind(uuid4(), NOON, image), lsn)
        self.base.news.tell()

    async def look_up(self, image, token=None, principal=ANONYMOUS):
        return (
            await look_up(
                str(image.id), Asking(principal, token), sources=self.sources, opens=lambda _, epoch: epoch == 7
            )
        ).image
