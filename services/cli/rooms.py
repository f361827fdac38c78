"""Where commands find the system that they operate, and the doors to its rooms.

A command that needs some of them is a coroutine function under `operates`:

    @operates
    async def run(given: Namespace, environment: Environment) -> int:
        async with open_primary(environment) as primary: ...
"""

import asyncio
import functools
import os
from argparse import Namespace
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, nullcontext
from typing import TypeAlias

import msgspec

from contracts.errors import Refused, Unavailable
from deploy.local import blueprint, facts
from deploy.local.layout import Layout, here
from deploy.local.quiet import Quiet, quiet
from deploy.local.supervisor import Supervisor
from deploy.local.trouble import Trouble
from infrastructure import env
from infrastructure.nats import connection as nats
from infrastructure.nats.config import NatsConfig
from infrastructure.postgres import primary as postgres
from infrastructure.postgres.config import PrimaryConfig
from infrastructure.postgres.shards import newer_than
from infrastructure.redis import client as redis
from infrastructure.redis.config import RedisConfig
from infrastructure.storage import open as storage
from infrastructure.storage.config import StorageConfig
from services.cli.telling import Command, errors, tells_trouble

Environment: TypeAlias = Mapping[str, str]

CONNECTIONS = 2
"""To Postgres: a command is one more beside the services, which share what there is."""


def environment() -> Environment:
    """The variables of the stack that runs in the working directory, else those of this process.

    Raises `Trouble` when there is neither.
    """
    found = _of_stack(here())
    if found is not None:
        return found
    if any(os.environ.get(f"CHITRAM_POSTGRES_PRIMARY{by}") for by in ("", "_FILE")):
        return os.environ
    raise Trouble(
        "There is no system to operate: no stack is running here, and CHITRAM_POSTGRES_PRIMARY is not set.",
        way_out="Go to the directory of a running stack (or name it with -C), start one (chitram up), or set the "
        "variables that its services have.",
    )


def _of_stack(layout: Layout) -> Environment | None:
    known = facts.read_facts(layout.facts)
    if known is None or not Supervisor(layout).is_running():
        return None
    services = blueprint.draw(known, facts.credentials(layout.credentials), layout).services
    return services[0].environment


def services_stopped() -> AbstractContextManager[Quiet]:
    """The stack of the working directory without its services, as long as the block runs: see `quiet`.

    Where no stack runs here it is for the operator to stop them, and what is given does nothing.
    """
    if _of_stack(here()) is None:
        return nullcontext(Quiet(lambda: None))
    return quiet(here(), report=lambda name, _: errors.print(f"  {name} runs again", markup=False))


def operates(command: Callable[[Namespace, Environment], Awaitable[int]]) -> Command:
    """The coroutine function as a command, which is given the environment and tells in a sentence what is not there."""

    @tells_trouble
    @functools.wraps(command)
    def run(given: Namespace) -> int:
        found = environment()
        try:
            return asyncio.run(_run(command, given, found))
        except env.ConfigError as error:
            raise Trouble(f"{error}.", way_out="Set this variable to what the services have.") from None
        except Refused as error:
            raise Trouble(error.detail) from error
        except Unavailable as error:
            raise Trouble(
                error.detail, way_out="See what runs: chitram status, and /health of the services."
            ) from error

    return run


async def _run(
    command: Callable[[Namespace, Environment], Awaitable[int]], given: Namespace, found: Environment
) -> int:
    return await command(given, found)


def open_primary(
    environment: Environment, *, required: bool = True, patience: float | None = None
) -> AbstractAsyncContextManager[postgres.Primary]:
    """The server that takes writes, over few connections. Raises what `infrastructure.postgres` raises.

    Unless it is `required`, nothing is asked of it, nor of its schema, at the start. A statement may take `patience`
    seconds, in place of what services allow.
    """
    config = msgspec.structs.replace(env.read(PrimaryConfig, environment), pool_size=CONNECTIONS)
    if patience is not None:
        config = msgspec.structs.replace(config, statement_timeout=patience)
    return postgres.open_primary(config, required=required)


@asynccontextmanager
async def open_storage(environment: Environment, primary: postgres.Primary) -> AsyncIterator[storage.Storage]:
    """The shards of the list in the database, as far as they answer."""
    listed = await newer_than(0, fetch=primary.ask)
    async with storage.open_storage(env.read(StorageConfig, environment), listed, forgiving=True) as opened:
        yield opened


def open_nats(environment: Environment, *, required: bool = True) -> AbstractAsyncContextManager[nats.Connection]:
    """The stream. Unless it is `required`, it may be missing now and come later."""
    return nats.open_nats(env.read(NatsConfig, environment), required=required)


def open_redis(environment: Environment) -> AbstractAsyncContextManager[redis.Client]:
    """The shared cache, which may be missing."""
    return redis.open_client(env.read(RedisConfig, environment))
