"""The list of blobs that are to be rendered anew."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from contracts.events import ImageReady
from infrastructure.postgres import rerenders as room
from infrastructure.postgres.rerenders import Backlog, Rerenders
from tests.component.postgres.images import DERIVATIVES, RENDERED, T0, events_of, plain_image

LEASE = timedelta(seconds=60)
FIRST = UUID(int=0)
WANTED = [{"variant": "small", "recipe": 0}, {"variant": "large", "recipe": 2}]
"""The ready images of these tests have `small` as it is wanted, and no `large`."""
LARGE = replace(DERIVATIVES[0], variant="large", key="k/large.webp", recipe=2)


@pytest.fixture
def rerenders(primary, clock) -> Rerenders:
    """The list of this test's database."""
    return Rerenders(primary, clock=clock, new_id=uuid4)


async def ready_image(ledger, **fields):
    """An image with derivatives."""
    image = plain_image(**fields)
    await ledger.insert(image, delete_token_hash=None)
    await ledger.record_ready(image.blob.id, **RENDERED)
    return image


async def ask(rerenders: Rerenders, named=(), since=T0 - timedelta(days=1)) -> int:
    """Asks for everything that is due; gives how many blobs are."""
    looked = await rerenders.request(FIRST, WANTED, named=named, since=since)
    return looked.requested


async def test_only_what_is_missing_or_older_is_asked_for(ledger, rerenders):
    """A blob is on the list with the variants of which it has none as wanted; one that isn't ready is not."""
    image = await ready_image(ledger)
    await ledger.insert(plain_image(), delete_token_hash=None)
    assert await ask(rerenders) == 1
    claimed = await rerenders.claim(LEASE)
    assert (claimed.blob.id, claimed.blob.derivatives, claimed.variants) == (image.blob.id, DERIVATIVES, ("large",))
    assert claimed.attempts == 1


async def test_named_variants_are_asked_for_whatever_they_were_made_by(ledger, rerenders):
    """Those and no others, and twice is no more than once."""
    await ready_image(ledger)
    assert await ask(rerenders, ["small"]) == 1
    assert await ask(rerenders, ["small"]) == 1
    assert await rerenders.backlog() == Backlog(waiting=1, failed=0)
    assert (await rerenders.claim(LEASE)).variants == ("small",)
    assert await ask(rerenders) == 1
    assert await rerenders.claim(LEASE) is None


async def test_only_of_what_was_stored_since(ledger, rerenders):
    """What is older stays as it is."""
    await ready_image(ledger)
    assert await ask(rerenders, since=T0 + timedelta(seconds=1)) == 0
    assert await ask(rerenders, since=T0) == 1


async def test_a_request_goes_through_all_blobs_page_by_page(ledger, rerenders, monkeypatch):
    """Each statement looks at few, and the last tells the end."""
    monkeypatch.setattr(room, "PAGE", 2)
    for _ in range(5):
        await ready_image(ledger)
    last, steps = FIRST, []
    while last is not None:
        looked = await rerenders.request(last, WANTED, named=[], since=T0)
        steps.append((looked.blobs, looked.requested))
        last = looked.last
    assert steps == [(2, 2), (2, 2), (1, 1), (0, 0)]
    assert await rerenders.clear() == 5
    assert await rerenders.backlog() == Backlog(waiting=0, failed=0)


async def test_a_claim_is_one_workers_until_its_lease_is_over(ledger, rerenders, psql):
    """Whoever held it may be gone: then another gets it, and sees that it was tried before."""
    await ready_image(ledger)
    await ask(rerenders)
    claimed = await rerenders.claim(LEASE)
    assert await rerenders.claim(LEASE) is None
    await rerenders.keep(claimed, timedelta(0))
    again = await rerenders.claim(LEASE)
    assert (again.blob, again.attempts) == (claimed.blob, 2)
    await rerenders.give_back(again, timedelta(0), counts=False)
    assert (await rerenders.claim(LEASE)).attempts == 2
    await rerenders.give_back(again, LEASE, counts=True)
    assert await rerenders.claim(LEASE) is None
    assert await psql.fetchval("SELECT attempts FROM rerenders") == 2


async def test_what_is_made_anew_replaces_the_old_which_is_given_up_later(ledger, catalogue, rerenders, psql):
    """Row, event, list and the old objects' end are one change."""
    image = await ready_image(ledger)
    await ask(rerenders)
    claimed = await rerenders.claim(LEASE)
    derivatives = (DERIVATIVES[0], LARGE)
    assert await rerenders.record(claimed, derivatives, described={}, grace=timedelta(hours=1))
    found = (await catalogue.select_image(image.id)).image
    assert (found.version, found.blob.derivatives) == (3, derivatives)
    assert found.blob.placeholder == RENDERED["placeholder"]
    event = (await events_of(psql, image.id))[-1]
    assert isinstance(event, ImageReady)
    assert event.image == found
    assert await rerenders.backlog() == Backlog(waiting=0, failed=0)
    rows = await psql.fetch("SELECT key, shard, not_before FROM discarded ORDER BY shard")
    assert [tuple(row)[:2] for row in rows] == [("k/small.jpg", "three"), ("k/small.jpg", "two")]
    assert {row["not_before"] - event.occurred_at for row in rows} == {timedelta(hours=1)}


async def test_what_it_looks_like_is_described_anew(ledger, catalogue, rerenders):
    """Where all of it was made anew."""
    image = await ready_image(ledger)
    await ask(rerenders)
    described = {"placeholder": "p", "dominant_color": "#000000", "perceptual_hash": "0" * 16}
    await rerenders.record(await rerenders.claim(LEASE), (LARGE,), described=described, grace=LEASE)
    blob = (await catalogue.select_image(image.id)).image.blob
    assert (blob.placeholder, blob.dominant_color, blob.perceptual_hash) == tuple(described.values())


async def test_what_is_made_is_taken_for_unread(ledger, rerenders, psql):
    """The first time and anew, however lately a scrub has read what the blob had before."""
    unread = "SELECT count(*) FROM blobs WHERE verified_at IS NULL"
    image = plain_image()
    await ledger.insert(image, delete_token_hash=None)
    await psql.execute("UPDATE blobs SET verified_at = now()")
    await ledger.record_ready(image.blob.id, **RENDERED)
    assert await psql.fetchval(unread) == 1
    await psql.execute("UPDATE blobs SET verified_at = now()")
    await ask(rerenders)
    await rerenders.record(await rerenders.claim(LEASE), (*DERIVATIVES, LARGE), described={}, grace=LEASE)
    assert await psql.fetchval(unread) == 1


async def test_the_same_again_is_no_change(ledger, catalogue, rerenders):
    """A blob whose variants come out as they were is only struck off."""
    image = await ready_image(ledger)
    await ask(rerenders, ["small"])
    assert await rerenders.record(await rerenders.claim(LEASE), DERIVATIVES, described={}, grace=LEASE)
    assert (await catalogue.select_image(image.id)).image.version == 2
    assert await rerenders.backlog() == Backlog(waiting=0, failed=0)


async def test_what_somebody_else_has_changed_is_left_alone(ledger, rerenders, psql):
    """The claim saw other derivatives: nothing is recorded, and the blob stays on the list."""
    await ready_image(ledger)
    await ask(rerenders)
    claimed = await rerenders.claim(LEASE)
    await psql.execute("UPDATE blobs SET derivatives = '[]'")
    assert not await rerenders.record(claimed, (LARGE,), described={}, grace=LEASE)
    assert await psql.fetchval("SELECT count(*) FROM discarded") == 0
    assert await rerenders.backlog() == Backlog(waiting=1, failed=0)


async def test_what_is_asked_for_again_meanwhile_stays_on_the_list(ledger, rerenders):
    """The later request may want other variants."""
    await ready_image(ledger)
    await ask(rerenders)
    claimed = await rerenders.claim(LEASE)
    await ask(rerenders, ["small"])
    assert await rerenders.record(claimed, (*DERIVATIVES, LARGE), described={}, grace=LEASE)
    assert await rerenders.backlog() == Backlog(waiting=1, failed=0)


async def test_a_problem_is_told_and_forgotten_when_it_is_asked_for_again(ledger, rerenders):
    """A blob that can't be rendered keeps what it has, and is nobody's to claim."""
    image = await ready_image(ledger)
    await ask(rerenders)
    await rerenders.record_problem(await rerenders.claim(LEASE), "INVALID_IMAGE")
    assert await rerenders.backlog() == Backlog(waiting=0, failed=1)
    assert await rerenders.select_problems(10) == ((image.id, "INVALID_IMAGE"),)
    assert await rerenders.claim(LEASE) is None
    await ask(rerenders)
    assert await rerenders.backlog() == Backlog(waiting=1, failed=0)


async def test_a_blob_that_nobody_needs_is_struck_off(ledger, rerenders):
    """Deleted before it was its turn, and erased before that."""
    for erased in (False, True):
        image = await ready_image(ledger)
        await ask(rerenders)
        await ledger.delete(image.id, lambda _: None)
        if erased:
            await ledger.erase(image.id, image.blob.id, T0)
        assert await rerenders.claim(LEASE) is None
        assert await rerenders.backlog() == Backlog(waiting=0, failed=0)
