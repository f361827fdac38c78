"""What an account's owner sees of it: himself, his keys, and what he holds.

Few ask, and who does has often just changed something: so the primary is asked, and a replica where it is away.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from contracts.accounts import KeyList, StatsView, UserView, key_view, user_view
from contracts.errors import Unauthorized, Unavailable
from contracts.principals import Principal
from services.read.base import Base
from services.read.ports import Keyring
from services.shared.principals import require_session, require_user

T = TypeVar("T")


async def show_account(principal: Principal, *, keyring: Keyring, primary_keyring: Keyring, base: Base) -> UserView:
    """The caller's account. Raises `Unauthorized`, `Unavailable`."""
    user_id = require_user(principal)
    user = await _first(lambda rows: rows.select_user(user_id), keyring, primary_keyring, base)
    if user is None:
        raise Unauthorized
    return user_view(user)


async def list_keys(principal: Principal, *, keyring: Keyring, primary_keyring: Keyring, base: Base) -> KeyList:
    """The caller's API keys, newest first. Raises `Unauthorized`, `Forbidden`, `Unavailable`."""
    user_id = require_session(principal)
    keys = await _first(lambda rows: rows.select_keys(user_id), keyring, primary_keyring, base)
    return KeyList(tuple(key_view(key) for key in keys))


async def show_stats(principal: Principal, *, keyring: Keyring, primary_keyring: Keyring, base: Base) -> StatsView:
    """What the caller holds, against his quota. Raises `Unauthorized`, `Unavailable`."""
    user_id = require_user(principal)
    stats = await _first(lambda rows: rows.select_stats(user_id), keyring, primary_keyring, base)
    if stats is None:
        raise Unauthorized
    return stats


async def _first(question: Callable[[Keyring], Awaitable[T]], keyring: Keyring, primary: Keyring, base: Base) -> T:
    try:
        return await base.ask_primary(lambda _: question(primary))
    except Unavailable:
        return await question(keyring)
