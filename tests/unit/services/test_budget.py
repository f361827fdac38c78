"""A change takes no longer than the gateway waits."""

import asyncio

import pytest

from contracts.errors import OutcomeUnknown
from services.write.http.budget import budget


async def test_what_takes_too_long_has_an_unknown_outcome():
    """It is ended, and nobody knows how far it had come."""
    with pytest.raises(OutcomeUnknown):
        async with budget(0.01):
            await asyncio.sleep(60)


async def test_what_is_in_time_is_left_alone():
    """Also a time-out of its own."""
    async with budget():
        pass
    with pytest.raises(TimeoutError):
        async with budget():
            raise TimeoutError
