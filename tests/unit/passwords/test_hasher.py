"""Passwords are hashed beside the event loop, a few at a time."""

import asyncio
import threading
import unicodedata

import bcrypt
import pytest

from contracts.errors import Unavailable
from infrastructure.passwords import hasher as module
from infrastructure.passwords.config import PasswordConfig
from infrastructure.passwords.hasher import Hasher, open_hasher

CHEAP = PasswordConfig(memory=1 << 20, passes=1, concurrency=1)


@pytest.fixture
def hasher():
    """One that hashes one password at a time."""
    with open_hasher(CHEAP) as opened:
        yield opened


async def test_a_password_matches_its_own_hash_only(hasher):
    """Each hash has its own salt."""
    first, second = await hasher.hash("seven wet horses"), await hasher.hash("seven wet horses")
    assert first != second
    assert (await hasher.verify("seven wet horses", first)).right
    assert not (await hasher.verify("seven wet horses", first)).outdated
    assert not (await hasher.verify("Seven wet horses", first)).right


async def test_composed_and_decomposed_letters_are_the_same(hasher):
    """Keyboards differ in how they send an é."""
    stored = await hasher.hash(unicodedata.normalize("NFD", "café an der Ecke"))
    assert (await hasher.verify(unicodedata.normalize("NFC", "café an der Ecke"), stored)).right


async def test_nobody_s_password_is_never_right(hasher):
    """Without a stored hash the same work is done, for nothing."""
    verdict = await hasher.verify("seven wet horses", None)
    assert (verdict.right, verdict.outdated) == (False, False)


@pytest.mark.parametrize("stored", ["", "x", "$argon2id$v=19$m=1024", "$2b$", "$2b$12$short"])
async def test_a_damaged_hash_matches_nothing(hasher, stored):
    """It is no reason to fail."""
    assert not (await hasher.verify("x", stored)).right


@pytest.mark.parametrize("prefix", [b"2a", b"2b"])
async def test_bcrypt_is_verified_as_it_was_made(hasher, prefix):
    """Of a long password it knows the first 72 bytes; it is to be replaced."""
    long = "ü" * 50
    stored = bcrypt.hashpw(long.encode()[:72], bcrypt.gensalt(4, prefix)).decode()
    verdict = await hasher.verify(long, stored)
    assert (verdict.right, verdict.outdated) == (True, True)
    assert not (await hasher.verify("ü" * 20, stored)).right


async def test_a_hash_of_other_costs_is_outdated(hasher):
    """So that costs can be raised."""
    with open_hasher(PasswordConfig(memory=2 << 20, passes=1)) as dearer:
        stored = await dearer.hash("seven wet horses")
    verdict = await hasher.verify("seven wet horses", stored)
    assert (verdict.right, verdict.outdated) == (True, True)


def occupied(hasher: Hasher, free: threading.Event) -> asyncio.Task[object]:
    """A job that keeps the only thread busy until `free` is set."""
    return asyncio.create_task(hasher._run(free.wait))


async def test_a_line_that_is_too_long_is_not_made_longer(hasher, monkeypatch):
    """Whoever comes then is sent away at once, and those in it get their turn."""
    monkeypatch.setattr(module, "LONGEST_LINE", 2)
    free = threading.Event()
    busy = occupied(hasher, free)
    await asyncio.sleep(0)
    waiting = [asyncio.create_task(hasher.hash("x")) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await hasher.hash("x")
    free.set()
    assert all(hashed.startswith("$argon2id$") for hashed in await asyncio.gather(*waiting))
    await busy


async def test_nobody_waits_for_ever(hasher, monkeypatch):
    """When the thread stays busy those in line are told to come later."""
    monkeypatch.setattr(module, "PATIENCE", 0.01)
    free = threading.Event()
    busy = occupied(hasher, free)
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await hasher.hash("x")
    free.set()
    await busy


async def test_who_goes_away_keeps_his_place_until_the_thread_is_free(hasher, monkeypatch):
    """Clients that hang up can't have more hashed at a time than is allowed."""
    monkeypatch.setattr(module, "PATIENCE", 0.01)
    free = threading.Event()
    busy = occupied(hasher, free)
    await asyncio.sleep(0)
    busy.cancel()
    with pytest.raises(asyncio.CancelledError):
        await busy
    with pytest.raises(Unavailable):
        await hasher.hash("x")
    free.set()
    monkeypatch.setattr(module, "PATIENCE", 30)
    assert await hasher.hash("x")
