"""Puts events into the stream."""

import asyncio
from uuid import UUID

import msgspec
from nats.errors import Error as NatsError
from nats.js.errors import NoStreamResponseError

from contracts.errors import Unavailable
from contracts.events import Event, EventTooLarge, encode
from contracts.events import event_type as type_of
from contracts.subjects import subject
from infrastructure.nats.connection import Connection
from infrastructure.nats.delivery import ID_HEADER, LSN_HEADER

PUBLISH_WITHIN = 2.0
"""Seconds to the acknowledgement."""

HEADERS_SIZE = 1024
"""Bytes left for headers. They count towards the server's limit, and the server ends the connection of
a client that oversteps it."""


class Published(msgspec.Struct, frozen=True):
    """The server has the event on its disk, at `sequence`; `duplicate` when it had it before."""

    sequence: int
    duplicate: bool


class Publisher:
    """Any number of `publish` may run at once; the server sees them in the order they began."""

    def __init__(self, connection: Connection, *, within: float = PUBLISH_WITHIN) -> None:
        self._connection = connection
        self._within = within

    async def publish(self, event_type: str, event_id: UUID, payload: bytes, lsn: str) -> Published:
        """Returns once JetStream has acknowledged the event; publishing it again within two minutes is no harm.

        Raises `Unavailable` within the publisher's deadline: the event may be in the stream or not.
        Raises `EventTooLarge` for an event that the server will never take.
        """
        headers = {ID_HEADER: str(event_id), LSN_HEADER: lsn}
        try:
            async with asyncio.timeout(self._within):
                return await self._publish(event_type, payload, headers)
        except (NatsError, OSError, TimeoutError) as error:
            raise Unavailable("Events can't be published just now.") from error

    async def hint(self, event: Event) -> None:
        """Publishes an event of which no row tells, so it says nothing about a place in the primary's log.

        Raises what `publish` raises.
        """
        await self.publish(type_of(event), event.id, encode(event), "0/0")

    async def _publish(self, event_type: str, payload: bytes, headers: dict[str, str]) -> Published:
        try:
            return await self._send(event_type, payload, headers)
        except NoStreamResponseError:
            await self._connection.redeclare()
            return await self._send(event_type, payload, headers)

    async def _send(self, event_type: str, payload: bytes, headers: dict[str, str]) -> Published:
        session = self._connection.session()
        if len(payload) + HEADERS_SIZE > session.client.max_payload:
            raise EventTooLarge(f"event {headers[ID_HEADER]} has {len(payload)} bytes, more than NATS takes")
        ack = await session.js.publish(
            subject(self._connection.prefix, event_type),
            payload,
            timeout=self._within,
            stream=self._connection.stream,
            headers=dict(headers),  # the driver adds its own
        )
        return Published(sequence=ack.seq, duplicate=bool(ack.duplicate))
