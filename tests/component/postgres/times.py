"""Time for tests: it passes when it is looked at, and only then."""

from datetime import UTC, datetime, timedelta


class Clock:
    """Begins at a fixed time and moves on by a second and a microsecond each time it is asked."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1, microseconds=1)
        return self.now
