"""Forgetting everything at once: the stream with its consumers, and the bucket of leases.

Both are only derived from what the database says. Whoever connects next makes them anew.
"""

import asyncio

from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

from contracts.errors import Refused, Unavailable
from infrastructure.nats.bucket import bucket_stream
from infrastructure.nats.connection import Connection
from infrastructure.nats.holders import Holders


async def require_no_readers(connection: Connection) -> None:
    """Raises `Refused` when a read service renews its lease within the time of one, `Unavailable` without a server."""
    holders = Holders(connection.session(), connection.prefix)
    try:
        before = (await holders.call()).newest
        await asyncio.sleep(connection.lease)
        if (await holders.call()).newest != before:
            raise Refused("Read services still run: they renew their leases in NATS. Stop all of them first.")
    except (NatsError, OSError) as error:
        raise Unavailable("NATS can't be asked who runs.") from error


async def forget(connection: Connection) -> None:
    """Deletes all of it. Raises `Unavailable`."""
    try:
        for name in (connection.stream, bucket_stream(connection.prefix)):
            try:
                await connection.session().js.delete_stream(name)
            except NotFoundError:
                continue
    except (NatsError, OSError) as error:
        raise Unavailable("The stream of events can't be deleted.") from error
