"""A place in the stream of events, as it is written down elsewhere."""

from datetime import datetime

from nats.errors import Error as NatsError

from contracts.errors import Unavailable
from infrastructure.nats.connection import Connection


def stream_id(made: datetime | None) -> str:
    """What tells a stream from others that have had its name: when it was made."""
    return made.isoformat() if made else ""


async def stream_place(connection: Connection) -> tuple[str, int]:
    """Which stream there is now, and the sequence of its last event. Raises `Unavailable`."""
    try:
        info = await connection.session().js.stream_info(connection.stream)
    except (NatsError, OSError, TimeoutError) as error:
        raise Unavailable("The stream of events can't be asked just now.") from error
    return stream_id(info.created), info.state.last_seq
