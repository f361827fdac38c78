"""Keeping an event that was tried often enough."""

from collections.abc import Awaitable, Callable

from contracts.events import Event
from services.worker.ports import GivenUp, Keeper


async def quarantine(given_up: GivenUp, *, keeper: Keeper, tell: Callable[[Event], Awaitable[None]]) -> None:
    """Puts the event aside, with the reason, then has `tell` say so to whom it is about.

    Safe to repeat. An event that can't be decoded is about nobody. Raises `Unavailable`.
    """
    await keeper.insert(given_up)
    if given_up.event:
        await tell(given_up.event)
