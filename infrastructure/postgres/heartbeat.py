"""The row by which replicas tell how far in the stream they are."""

from infrastructure.postgres.primary import Primary


class Heartbeat:
    """Written by workers, any number of them: the last one to come wins, and none can say too much."""

    def __init__(self, primary: Primary) -> None:
        self._primary = primary

    async def beat(self, stream: str, sequence: int) -> None:
        """Records a place in the stream, which must have been read before this is called. Raises Unavailable.

        Then all events up to there were committed before this is: whoever sees the row has their changes.
        """
        await self._primary.fetch(
            "UPDATE heartbeat SET beat_at = clock_timestamp(), stream_made = $1, last_sequence = $2", stream, sequence
        )
