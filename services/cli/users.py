"""`chitram users`: accounts, as the operator makes and changes them."""

import getpass
import secrets
import sys
import time
from argparse import Namespace
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import msgspec
import uuid_utils.compat
from rich.prompt import Confirm

from contracts.accounts import Quota, user_view
from contracts.principals import SYSTEM
from deploy.local.trouble import Trouble
from infrastructure import env
from infrastructure.nats.audience import open_audience
from infrastructure.passwords.addresses import email_key, read_email
from infrastructure.passwords.config import PasswordConfig
from infrastructure.passwords.hasher import Hasher, open_hasher
from infrastructure.postgres.accounts import Accounts
from infrastructure.postgres.credentials import Credentials
from infrastructure.postgres.departures import Departures
from services.cli.rooms import Environment, open_nats, open_primary, operates
from services.cli.telling import console
from services.shared.bounds import Bounds
from services.shared.clock import utc_now
from services.write.attempts import LocalAttempts
from services.write.delete_account import delete_account
from services.write.ports import Settle
from services.write.register import register
from services.write.reset_password import reset_password
from services.write.set_admin import set_admin
from services.write.settle import settle

new_id = uuid_utils.compat.uuid7


class Rooms(msgspec.Struct, frozen=True):
    """What the actions stand on."""

    accounts: Accounts
    departures: Departures
    passwords: Hasher
    settle: Settle


Action = Callable[[Namespace, Rooms], Awaitable[int | None]]
"""Gives an exit status where it isn't 0."""


@operates
async def run(given: Namespace, environment: Environment) -> int:
    """0 when it is done, 1 when it was not meant."""
    actions: dict[str, Action] = {
        "list": _list,
        "create": _create,
        "password": _password,
        "promote": partial(_set_admin, is_admin=True),
        "demote": partial(_set_admin, is_admin=False),
        "quota": _set_quota,
        "delete": _delete,
    }
    async with _open(environment) as rooms:
        return await actions[given.action](given, rooms) or 0


@asynccontextmanager
async def _open(environment: Environment) -> AsyncIterator[Rooms]:
    async with AsyncExitStack() as stack:
        primary = await stack.enter_async_context(open_primary(environment))
        nats = await stack.enter_async_context(open_nats(environment, required=False))
        audience = await stack.enter_async_context(open_audience(nats))
        passwords = stack.enter_context(open_hasher(env.read(PasswordConfig, environment)))
        credentials = Credentials(primary, clock=utc_now, new_id=new_id)
        yield Rooms(
            Accounts(primary, credentials, clock=utc_now, new_id=new_id),
            Departures(primary, clock=utc_now, new_id=new_id),
            passwords,
            partial(settle, audience=audience, lease=env.read(Bounds, environment).lease),
        )


async def _list(given: Namespace, rooms: Rooms) -> None:
    users = await rooms.accounts.select_all(given.limit)
    if given.json:
        sys.stdout.writelines(msgspec.json.encode(user_view(user)).decode() + "\n" for user in users)
        return
    for user in users:
        admin = "  admin" if user.is_admin else ""
        console.print(f"{user.id}  {user.created_at:%Y-%m-%d}  {user.email}{admin}", markup=False)


async def _create(given: Namespace, rooms: Rooms) -> None:
    password = _ask_password(given)
    user, _ = await register(
        given.email,
        password,
        SYSTEM,
        read_email=read_email,
        passwords=rooms.passwords,
        accounts=rooms.accounts,
        attempts=LocalAttempts(clock=time.monotonic),
        most_an_hour=1,
        quota=Quota(given.images, given.bytes),
        clock=utc_now,
        new_id=new_id,
        is_admin=given.admin,
    )
    console.print(f"{user.email} has {'an admin' if given.admin else 'an'} account: {user.id}", markup=False)
    _show(given, password)


async def _password(given: Namespace, rooms: Rooms) -> None:
    password = _ask_password(given)
    await reset_password(
        given.email,
        password,
        SYSTEM,
        email_key=email_key,
        passwords=rooms.passwords,
        accounts=rooms.accounts,
        settle=rooms.settle,
    )
    console.print("It is set, and all sessions have ended.")
    _show(given, password)


async def _set_admin(given: Namespace, rooms: Rooms, *, is_admin: bool) -> None:
    await set_admin(given.email, is_admin, SYSTEM, email_key=email_key, accounts=rooms.accounts, settle=rooms.settle)
    console.print(f"{given.email} is {'an' if is_admin else 'no'} admin now.", markup=False)


async def _set_quota(given: Namespace, rooms: Rooms) -> None:
    account = await rooms.accounts.select_by_email(email_key(given.email))
    if account is None:
        raise Trouble(f"There is no account with the address {given.email}.")
    await rooms.accounts.update_quota(account.user.id, Quota(given.images, given.bytes), SYSTEM)
    allowed = [f"{n:,} {what}" for n, what in ((given.images, "images"), (given.bytes, "bytes")) if n is not None]
    console.print(f"{given.email} may hold {' and '.join(allowed) or 'any number of images'} now.", markup=False)


async def _delete(given: Namespace, rooms: Rooms) -> int:
    account = await rooms.accounts.select_by_email(email_key(given.email))
    if account is None:
        raise Trouble(f"There is no account with the address {given.email}.")
    count = await rooms.departures.count_images(account.user.id)
    if not given.yes and not Confirm.ask(f"Delete the account and its {count:,} images, for good?", console=console):
        console.print("Nothing was done.")
        return 1
    receipt, _ = await delete_account(
        account.user.id,
        None,
        SYSTEM,
        accounts=rooms.accounts,
        departures=rooms.departures,
        settle=rooms.settle,
        clock=utc_now,
        new_id=new_id,
    )
    console.print(f"The account is deleted, and {receipt.images:,} images with it. Receipt: {receipt.id}")
    if receipt.images_pending:
        console.print(f"The worker is deleting {receipt.images_pending:,} more.")
    return 0


def _ask_password(given: Namespace) -> str:
    """A new one, or what is typed twice, or the line that comes through a pipe. Raises `Trouble`."""
    if given.generate:
        return secrets.token_urlsafe(15)
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != password:
        raise Trouble("These were two different passwords.", way_out="Try again.")
    return password


def _show(given: Namespace, password: str) -> None:
    if given.generate:
        console.print(f"Password: {password}", markup=False)
