"""The rules by which a read service believes a token."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import msgspec
import pytest

from contracts.accounts import Credential
from contracts.errors import Unavailable
from contracts.events import CredentialChanged, ImageChanged
from contracts.principals import CredentialKind, Scope
from services.read import credentials as module
from services.read.credentials import CredentialSources, RecentCredentials, find_credential
from tests.unit import samples
from tests.unit.samples import NOON

HASH = bytes(range(32))


def credential(version: int = 1, **changes) -> Credential:
    made = Credential(
        id=UUID(int=1),
        version=version,
        token_hash=HASH.hex(),
        kind=CredentialKind.SESSION,
        user_id=UUID(int=2),
        user_is_admin=False,
        scopes=(Scope.READ,),
        created_at=NOON,
        expires_at=NOON + timedelta(days=1),
    )
    return msgspec.structs.replace(made, **changes)


class Seen(msgspec.Struct):
    credential: Credential | None
    as_of: int


class Rows:
    """A replica's or the primary's table of credentials, as of a position."""

    def __init__(self):
        self.known: dict[bytes, Credential] = {}
        self.at = 0
        self.questions = 0
        self.is_there = True
        self.meanwhile = lambda: None

    async def select_credential(self, token_hash):
        self.questions += 1
        seen = Seen(self.known.get(token_hash), self.at)
        await asyncio.sleep(0)
        self.meanwhile()
        if not self.is_there:
            raise Unavailable
        return seen


class Base(msgspec.Struct):
    position: int = 0
    indexed: int = 0
    budget: int = 100

    async def index(self):
        return self.indexed

    async def ask_primary(self, question):
        if not self.budget:
            raise Unavailable
        return await question(None)


class Lease(msgspec.Struct):
    is_held: bool = True


class Service:
    """What finding a credential stands on, in the test's hands."""

    def __init__(self):
        self.now = 0.0
        self.recent = RecentCredentials(1 << 20, clock=lambda: self.now)
        self.replica, self.primary, self.base, self.lease = Rows(), Rows(), Base(), Lease()
        self.sources = CredentialSources(self.recent, self.replica, self.primary, self.base, self.lease)

    def hear(self, made: Credential, lsn: int) -> None:
        self.recent.hear(CredentialChanged(uuid4(), NOON, made), lsn)

    async def find(self, token_hash: bytes = HASH) -> Credential | None:
        return await find_credential(token_hash, sources=self.sources)


@pytest.fixture
def service() -> Service:
    """Attached, and nobody has logged in."""
    return Service()


async def test_a_token_that_only_the_primary_knows_holds(service):
    """However far the replica is behind, and before any event."""
    service.primary.known[HASH] = credential()
    assert await service.find() == credential()
    service.replica.is_there = False
    assert await service.find() == credential()


async def test_what_was_heard_needs_no_question(service):
    """Of a new token, and of its end, which nothing takes back."""
    service.hear(credential(), 10)
    assert await service.find() == credential()
    service.hear(credential(2, revoked_at=NOON), 20)
    assert await service.find() is None
    service.hear(credential(), 10)
    service.replica.known[HASH] = service.primary.known[HASH] = credential()
    assert await service.find() is None
    assert service.replica.questions == service.primary.questions == 0


async def test_what_the_replica_knows_is_remembered_for_a_while(service):
    """Until an event tells of it, events were missed, or a minute has passed."""
    service.replica.known[HASH] = credential()
    for forget in (
        lambda: None,
        service.recent.doubt,
        lambda: service.recent.begin(0),
        lambda: setattr(service, "now", service.now + module.MAX_AGE + 1),
    ):
        forget()
        for _ in range(3):
            assert await service.find() == credential()
    assert service.replica.questions == 4
    service.hear(credential(2, revoked_at=NOON), 20)
    service.recent.settle(30)
    service.base.position = 30
    service.replica.known, service.replica.at = {}, 30
    assert await service.find() is None


async def test_an_end_that_is_heard_while_the_replica_is_asked_counts(service):
    """The replica's answer is from before it."""
    service.replica.known[HASH] = credential()
    service.replica.meanwhile = lambda: service.hear(credential(2, revoked_at=NOON), 20)
    assert await service.find() is None
    assert await service.find() is None


@pytest.mark.parametrize("is_attached", [True, False])
async def test_who_comes_after_an_end_takes_no_answer_from_before_it(service, is_attached):
    """Though somebody has asked the primary before, and its answer is still on its way."""
    service.lease.is_held = is_attached
    service.primary.known[HASH] = credential()
    later = []

    def end() -> None:
        if later:
            return
        service.primary.known.clear()
        service.hear(credential(2, revoked_at=NOON), 20)
        service.recent.settle(30)
        service.base.indexed = 30
        later.append(asyncio.ensure_future(service.find()))

    async def select_credential(token_hash):
        seen = Seen(service.primary.known.get(token_hash), 0)
        end()
        await asyncio.sleep(0.01)
        return seen

    service.primary.select_credential = select_credential
    assert await service.find() == credential()
    assert await later[0] is None


async def test_a_token_that_nobody_has_is_asked_for_once(service):
    """The primary has said so, and no token is ever made that was asked for before."""
    for _ in range(3):
        assert await service.find() is None
    assert (service.replica.questions, service.primary.questions) == (1, 1)


async def test_made_up_tokens_use_up_the_budget_and_nothing_else(service):
    """Then what the replica doesn't know can't be told; what it knows can."""
    service.replica.known[HASH] = credential()
    service.base.budget = 0
    with pytest.raises(Unavailable):
        await service.find(b"x" * 32)
    assert await service.find() == credential()


async def test_a_detached_service_believes_nothing_that_it_remembers(service):
    """The replica is asked if it has all that was committed when the request came, else the primary."""
    service.hear(credential(), 10)
    service.lease.is_held = False
    service.base.indexed, service.base.position = 50, 40
    assert await service.find() is None
    service.recent._absent.clear()
    service.base.position = service.replica.at = 50
    service.replica.known[HASH] = credential()
    assert await service.find() == credential()
    assert service.primary.questions == 1
    service.hear(credential(2, revoked_at=NOON), 60)
    assert await service.find() is None


async def test_no_crowd_fills_the_memory(service, monkeypatch):
    """Of too many, those used longest ago are asked for again."""
    monkeypatch.setattr(module, "MOST_REMEMBERED", 2)
    monkeypatch.setattr(module, "MOST_ABSENT", 2)
    hashes = [bytes([number]) * 32 for number in range(3)]
    for each in hashes:
        service.replica.known[each] = credential(token_hash=each.hex())
        await service.find(each)
    assert [service.recent.get(each) is not None for each in hashes] == [False, True, True]
    for each in (b"a" * 32, b"b" * 32, b"c" * 32):
        await service.find(each)
    assert [service.recent.is_absent(each * 32) for each in (b"a", b"b", b"c")] == [False, True, True]


def test_other_events_are_no_news(service):
    """Images have an overlay of their own."""

    service.recent.hear(ImageChanged(uuid4(), NOON, samples.image()), 10)
    assert len(service.recent.overlay) == 0
