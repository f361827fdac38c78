"""Hashing passwords beside the event loop, a few at a time.

New hashes are Argon2id. Those of bcrypt, which other systems' accounts come with, can be verified, and are to be
replaced when their owner next shows the password.
"""

import asyncio
import contextlib
import secrets
import unicodedata
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import argon2
import bcrypt
from msgspec import Struct

from contracts.errors import Unavailable
from infrastructure.passwords.config import PasswordConfig
from infrastructure.passwords.strength import is_guessable

T = TypeVar("T")

LONGEST_LINE = 64
"""Callers that may wait for their turn; whoever comes then is told to try again later."""

PATIENCE = 5.0
"""Seconds that one of them waits at most."""

BCRYPT_BYTES = 72
"""Of a longer password bcrypt sees no more."""


class Verdict(Struct, frozen=True):
    """Whether a password is the right one, and whether its hash should be made anew at this occasion."""

    right: bool
    outdated: bool = False


@contextlib.contextmanager
def open_hasher(config: PasswordConfig) -> Iterator["Hasher"]:
    """A hasher with threads of its own."""
    with ThreadPoolExecutor(config.concurrency, thread_name_prefix="password") as threads:
        yield Hasher(config, threads)


class Hasher:
    """Hashes, verifies and judges. Its methods raise Unavailable when too many wait already, or one waits too long."""

    def __init__(self, config: PasswordConfig, threads: ThreadPoolExecutor) -> None:
        """`threads` are as many as `config` says; hashing leaves the interpreter to others meanwhile."""
        self._argon = argon2.PasswordHasher(
            time_cost=config.passes, memory_cost=config.memory >> 10, parallelism=1, type=argon2.Type.ID
        )
        # What an unknown user's password is compared with, so that it takes as long as a known one's.
        self._decoy = self._argon.hash(secrets.token_urlsafe())
        self._threads = threads
        self._free = asyncio.Semaphore(config.concurrency)
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """The Argon2id hash of a password, with its salt and costs."""
        return await self._run(lambda: self._argon.hash(_argon_bytes(password)))

    async def verify(self, password: str, stored: str | None) -> Verdict:
        """Compares a password with the hash of a known user, or for as long with none."""
        return await self._run(lambda: self._judge(password, stored))

    async def is_guessable(self, password: str, email: str) -> bool:
        """Whether somebody who tries what people use most, or knows the address, would soon find it."""
        return await self._run(lambda: is_guessable(password, email))

    def _judge(self, password: str, stored: str | None) -> Verdict:
        if stored is not None and stored.startswith("$2"):
            return Verdict(right=_matches_bcrypt(password, stored), outdated=True)
        try:
            self._argon.verify(stored or self._decoy, _argon_bytes(password))
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return Verdict(right=False)
        return Verdict(right=stored is not None, outdated=self._argon.check_needs_rehash(stored or self._decoy))

    async def _run(self, work: Callable[[], T]) -> T:
        await self._take_turn()
        job = asyncio.get_running_loop().run_in_executor(self._threads, work)
        # A caller who goes away does not end the work: its place is free when the thread is.
        job.add_done_callback(lambda _: self._free.release())
        return await asyncio.shield(job)

    async def _take_turn(self) -> None:
        if self._waiting >= LONGEST_LINE:
            raise Unavailable
        self._waiting += 1
        try:
            async with asyncio.timeout(PATIENCE):
                await self._free.acquire()
        except TimeoutError:
            raise Unavailable from None
        finally:
            self._waiting -= 1


def _argon_bytes(password: str) -> bytes:
    """The same for the same characters, however a keyboard composes them (RFC 8265)."""
    return unicodedata.normalize("NFC", password).encode()


def _matches_bcrypt(password: str, stored: str) -> bool:
    try:
        return bcrypt.checkpw(password.encode()[:BCRYPT_BYTES], stored.encode())
    except ValueError:  # a hash that is damaged, or of another kind
        return False
