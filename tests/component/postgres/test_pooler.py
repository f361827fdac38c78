"""Behind a pooler that lends connections for one transaction at a time."""

import asyncio
from uuid import uuid4

import pytest

from infrastructure.env import ConfigError, read
from infrastructure.postgres.config import PrimaryConfig
from infrastructure.postgres.ledger import Ledger
from infrastructure.postgres.outbox import Outbox
from infrastructure.postgres.primary import open_primary
from services.shared.running import background
from tests.component.postgres.images import plain_image
from tests.component.postgres.proxy import Proxy
from tests.component.postgres.steps import patient
from tests.eventually import eventually


async def test_no_statement_stays_prepared_when_that_is_said(address):
    """The same statement again and again leaves nothing in the session; by default it is remembered there."""
    for prepared, left in ((False, 0), (True, 1)):
        async with open_primary(patient(address, prepared=prepared)) as primary, primary.borrow() as session:
            for _ in range(3):
                await session.fetch("SELECT 1 AS of_this_test")
            rows = await session.fetch(
                "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SELECT 1 AS of_this%'"
            )
            assert rows[0][0] == left


async def test_changes_and_events_do_without_prepared_statements(address, clock):
    """A whole round: an image is written, its event claimed and marked."""
    async with open_primary(patient(address, prepared=False)) as primary:
        await Ledger(primary, clock=clock, new_id=uuid4).insert(plain_image(), delete_token_hash=None)
        outbox = Outbox(primary)
        async with outbox.claim(10) as batch:
            await batch.mark_published(row.id for row in batch.rows)
        assert len(batch.rows) == 1
        assert await outbox.pending() == 0


async def test_listening_goes_past_the_pooler(address):
    """The listener's session is at the direct address, and no connection of the pool is taken by it."""
    async with Proxy(address).listening() as pooler, Proxy(address).listening() as direct:
        config = patient(pooler.address, direct=direct.address)
        async with open_primary(config) as primary:
            woken = asyncio.Event()
            async with background(Outbox(primary).listen(woken.set)):
                await asyncio.wait_for(woken.wait(), 10)
                assert primary.connections_in_use == 0
                woken.clear()
                await primary.fetch("SELECT pg_notify('outbox', '')")
                await asyncio.wait_for(woken.wait(), 10)
                woken.clear()
                direct.cut()
                await eventually(lambda: _is_set(woken))


def _is_set(event):
    assert event.is_set()


def test_a_direct_address_that_can_not_be_meant_is_named():
    """As for every other address."""
    with pytest.raises(ConfigError, match="CHITRAM_POSTGRES_DIRECT"):
        read(PrimaryConfig, {"CHITRAM_POSTGRES_PRIMARY": "postgresql://a@b/c", "CHITRAM_POSTGRES_DIRECT": "b:5432"})
