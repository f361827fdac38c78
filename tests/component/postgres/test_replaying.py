"""All replicas have replayed a change, or it is not said."""

import asyncio

import pytest

from infrastructure.postgres.replaying import Replaying, position
from tests.component.postgres.images import plain_image
from tests.component.postgres.proxy import Proxy


async def test_it_returns_when_all_have_replayed(ledger, database):
    """The position of a commit is reached within moments; many wait for the same looks."""
    committed = await ledger.insert(plain_image(), delete_token_hash=None)
    replaying = Replaying((*database.replicas, database.primary))
    async with asyncio.timeout(10):
        await asyncio.gather(*(replaying.replayed(committed.lsn) for _ in range(20)))


@pytest.mark.parametrize("wanted", ["0/1", "FFFFFFFF/0"])
async def test_it_waits_for_one_that_can_not_be_asked(database, wanted):
    """However far the others are; and for a position that nobody has reached."""
    async with Proxy(database.primary).listening() as wire:
        pass
    gone = (wire.address,) if wanted == "0/1" else ()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await Replaying((*database.replicas, *gone)).replayed(wanted)


async def test_without_replicas_nothing_is_known():
    """So it waits."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await Replaying(()).replayed("0/1")


def test_positions_are_numbers():
    """As the server compares them."""
    assert position("16/B374D848") == 0x16_B374D848
    assert position("0/FFFFFFFF") < position("1/0")
