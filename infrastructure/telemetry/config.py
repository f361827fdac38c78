"""How a process calls itself and how much it says."""

from typing import Literal

import msgspec

Level = Literal["debug", "info", "warning", "error"]


class TelemetryConfig(msgspec.Struct, frozen=True):
    """`name` marks every log line of this process: `read-1`."""

    name: str = msgspec.field(name="CHITRAM_NAME", default="chitram")
    level: Level = msgspec.field(name="CHITRAM_LOG_LEVEL", default="info")
