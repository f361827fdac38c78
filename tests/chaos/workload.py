"""People at work: closed loops with time to think, everything they do drawn from one seed.

owners    have an account: they upload, hide what they uploaded from everybody else, and delete it
persons   upload, look at what they uploaded (with the token, everywhere), change it, delete it, and look again
readers   look at anything that was uploaded lately, also at what was deleted, with and without a token
listers   page through what is there
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from tests.chaos.calls import Caller, open_session
from tests.chaos.history import NGINX, Call, History, Outcome
from tests.pictures import noise

VARIANTS = ("small", "medium", "large")
ACCEPTS = ("image/webp", "image/jpeg")
KEYED, REPEATED, TWICE, CHANGED, DELETED = 0.4, 0.1, 0.3, 0.4, 0.5
"""How likely an upload has an Idempotency-Key, has bytes that were uploaded before, is sent twice at once if it has
a key; how likely an image is changed, and an older one deleted, after each upload."""

RECENT = 25
"""Images that readers look at."""


class Pace(msgspec.Struct, frozen=True):
    """How many clients of each kind, and how many seconds they think between two calls, on the average."""

    owners: int = 1
    persons: int = 2
    readers: int = 4
    listers: int = 1
    think: float = 0.05


class Owned(msgspec.Struct):
    """An image and what its uploader knows of it."""

    owner: str
    image: str
    proof: str
    wrote: int
    """Number of the last write that was acknowledged."""


class Workload:
    """The clients of one run."""

    def __init__(self, run: str, seed: int, history: History, targets: Callable[[], Mapping[str, str]]) -> None:
        """`run` marks everything that is uploaded, as a tag. Has to be made inside an event loop."""
        self.run = run
        self.history = history
        self.recent: list[Owned] = []
        self.known: set[str] = set()
        self.readers: Callable[[], list[str]] = lambda: [name for name in targets() if name.startswith("read-")]
        self._seed = seed
        self._targets = targets
        self._tokens: dict[int, str] = {}
        self._account = ""
        self._sent: list[tuple[bytes, str]] = []
        self._session = open_session()
        self._stop = asyncio.Event()

    def caller(self, name: str) -> Caller:
        """Someone who makes calls; all of them know all tokens."""
        caller = Caller(name, self.history, self._session, self._targets)
        caller.tokens = self._tokens
        return caller

    @asynccontextmanager
    async def running(self, pace: Pace) -> AsyncIterator[None]:
        """The clients work while the block runs; at its end each finishes what it is at."""
        self._stop.clear()
        self._account = self._account or await self.caller("owner").log_in(f"{self.run}@example.org")
        kinds = {"person": (self._person, pace.persons), "reader": (self._reader, pace.readers)}
        kinds |= {"lister": (self._lister, pace.listers), "owner": (self._owner, pace.owners)}
        names = [(kind, f"{kind}-{number}") for kind, (_, count) in kinds.items() for number in range(1, count + 1)]
        clients = [asyncio.create_task(self._loop(kinds[kind][0], name, pace.think)) for kind, name in names]
        try:
            yield
        finally:
            self._stop.set()
            await asyncio.gather(*clients)

    async def close(self) -> None:
        """Ends all connections."""
        await self._session.close()

    async def _loop(
        self, work: Callable[[Caller, random.Random], Coroutine[Any, Any, None]], name: str, think: float
    ) -> None:
        rng = random.Random(f"{self._seed} {name}")
        caller = self.caller(name)
        while not self._stop.is_set():
            await work(caller, rng)
            await asyncio.sleep(rng.expovariate(1 / think))

    async def _person(self, me: Caller, rng: random.Random) -> None:
        owned = await self._upload(me, rng)
        if owned is None:
            return
        await self._look_everywhere(me, rng, owned)
        if rng.random() < CHANGED:
            call = await me.patch(owned.image, owned.proof, f"words {rng.randrange(10**6)}")
            if call.outcome is Outcome.OK:
                owned.wrote = call.number
                await self._look_everywhere(me, rng, owned)
        mine = [one for one in self.recent if one.owner == me.name and one.proof]
        if mine and rng.random() < DELETED:
            await self._delete(me, rng, rng.choice(mine))

    async def upload(self, me: Caller, rng: random.Random, owner: str = "") -> tuple[Call, str]:
        """Uploads a picture that is another one each time; gives the call and the delete token."""
        name = f"{self.run}-{rng.randrange(10**12):012}.img"
        call, proof = await me.upload(name, noise(rng, 64, 48), "image/jpeg", tag=self.run, owner=owner)
        self.known |= {call.image} - {""}
        return call, proof

    async def _owner(self, me: Caller, rng: random.Random) -> None:
        """What is hidden is gone for all others, whose eyes `_look_everywhere` has: it never says who it is."""
        call, _ = await self.upload(me, rng, self._account)
        if call.outcome is not Outcome.OK:
            return
        owned = self._remember(Owned(me.name, call.image, self._account, call.number))
        await self._look_everywhere(me, rng, owned)
        for act in rng.choice(((me.hide,), (me.hide, me.delete), (me.delete,))):
            call = await act(owned.image, self._account)
            if call.outcome is Outcome.OK:
                owned.proof, owned.wrote = "", call.number
                await self._look_everywhere(me, rng, owned)

    async def _upload(self, me: Caller, rng: random.Random) -> Owned | None:
        kind = rng.choice(("image/jpeg", "image/png", "image/webp"))
        size = rng.choice(((64, 48), (90, 120), (420, 300)))
        again = self._sent and rng.random() < REPEATED
        data, kind = rng.choice(self._sent) if again else (noise(rng, *size, kind), kind)
        self._sent = [*self._sent[-20:], (data, kind)]
        name = f"{self.run}-{rng.randrange(10**12):012}.img"
        key = f"key-{name}" if rng.random() < KEYED else ""
        times = 2 if key and rng.random() < TWICE else 1
        answers = await asyncio.gather(*(me.upload(name, data, kind, key=key, tag=self.run) for _ in range(times)))
        for _ in range(5):
            if not key or any(call.outcome is Outcome.OK for call, _ in answers) or self._stop.is_set():
                break
            await asyncio.sleep(rng.uniform(0.3, 1.0))
            answers = [await me.upload(name, data, kind, key=key, tag=self.run)]
        for call, proof in answers:
            if call.outcome is Outcome.OK:
                return self._remember(Owned(me.name, call.image, proof, call.number))
        return None

    def _remember(self, owned: Owned) -> Owned:
        self.known.add(owned.image)
        self.recent = [*self.recent[-RECENT:], owned]
        return owned

    async def _delete(self, me: Caller, rng: random.Random, owned: Owned) -> None:
        call = await me.delete(owned.image, owned.proof)
        if call.outcome is Outcome.OK:
            owned.proof, owned.wrote = "", call.number
            await self._look_everywhere(me, rng, owned)

    async def _look_everywhere(self, me: Caller, rng: random.Random, owned: Owned) -> None:
        """At once, through everyone: with the token of the last write, and without one if that was the deletion."""
        token = owned.wrote if owned.proof or rng.random() < 0.5 else 0
        looks: list[Coroutine[Any, Any, Any]] = [
            me.view(owned.image, target=target, token=token, cookie=rng.random() < 0.3)
            for target in (NGINX, *self.readers())
        ]
        looks.append(me.file(owned.image, token=token))
        looks.append(me.thumbnail(owned.image, rng.choice(VARIANTS), rng.choice(ACCEPTS), token=token))
        looks.append(me.list({"limit": "100", "tags": self.run}, target=self._anyone(rng), token=token))
        await asyncio.gather(*looks)

    async def _reader(self, me: Caller, rng: random.Random) -> None:
        if not self.recent:
            return
        owned = rng.choice(self.recent)
        token = owned.wrote if rng.random() < 0.3 else 0
        target = self._anyone(rng)
        match rng.choice(("view", "view", "view", "file", "thumbnail")):
            case "view":
                await me.view(owned.image, target=target, token=token)
            case "file":
                await me.file(owned.image, target=target, token=token)
            case _:
                accept = rng.choice(ACCEPTS)
                await me.thumbnail(owned.image, rng.choice(VARIANTS), accept, target=target, token=token)

    async def _lister(self, me: Caller, rng: random.Random) -> None:
        token = rng.choice(self.recent).wrote if self.recent and rng.random() < 0.5 else 0
        query = {"limit": str(rng.choice((5, 20, 100)))} | ({"tags": self.run} if rng.random() < 0.7 else {})
        await me.list(query, target=self._anyone(rng), token=token)
        await asyncio.sleep(rng.uniform(0.1, 0.3))

    def _anyone(self, rng: random.Random) -> str:
        """nginx half of the time, else any read service."""
        return rng.choice(self.readers()) if rng.random() < 0.5 else NGINX

    async def look_at_the_end(self) -> None:
        """Every reader is asked for everything, when all is calm."""
        me = self.caller("auditor")
        targets = (NGINX, *self.readers())
        listed = [await self._whole_list(me, target) for target in targets]
        for image in sorted(self.known.union(*listed)):
            await asyncio.gather(*(self._look_until_answered(me, image, target) for target in targets))
            await me.file(image, after=True)

    async def _look_until_answered(self, me: Caller, image: str, target: str) -> None:
        """On a busy machine a reader may ask to be asked again."""
        for _ in range(10):
            if (await me.view(image, target=target, after=True)).outcome is Outcome.OK:
                return
            await asyncio.sleep(1)

    async def _whole_list(self, me: Caller, target: str) -> set[str]:
        found: set[str] = set()
        cursor = ""
        while True:
            call, cursor = await me.list(
                {"limit": "100", "tags": self.run, "cursor": cursor}, target=target, after=True
            )
            found |= {shown.image for shown in call.shown}
            if not cursor:
                return found


def answered(calls: list[Call], action: str) -> int:
    """How many calls of a kind succeeded."""
    return sum(call.action == action and call.outcome is Outcome.OK for call in calls)
