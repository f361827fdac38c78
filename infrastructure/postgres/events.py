"""An event as a row of the outbox, written by the transaction that made it true."""

from contracts.events import Event, encode, event_type
from infrastructure.postgres.connection import Connection, fetch


async def insert_event(connection: Connection, event: Event) -> None:
    """Adds an event to the open transaction: the relay publishes it after the commit, and only then."""
    await fetch(
        connection,
        "INSERT INTO outbox (id, subject_id, version, type, payload, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
        *event_values(event),
    )


def event_values(event: Event) -> tuple[object, ...]:
    """The row of an event: id, subject, version, type, payload, time."""
    return (
        event.id,
        event.subject_id,
        event.version,
        event_type(event),
        encode(event),
        event.occurred_at,
    )
