"""Steps that several tests take."""

from collections.abc import Awaitable

from contracts.errors import Unavailable
from infrastructure.postgres.config import PrimaryConfig, ReplicaConfig

LONG = 60.0
"""Seconds that a server gets which is there, however busy the machine."""

PATIENT_SETTINGS = {
    "CHITRAM_POSTGRES_CONNECT_TIMEOUT": "60",
    "CHITRAM_POSTGRES_LOCK_TIMEOUT": "50",
    "CHITRAM_POSTGRES_STATEMENT_TIMEOUT": "60",
}
"""For a service of which a hundred requests stand in line for ten connections."""


def patient(address: str, **fields) -> PrimaryConfig:
    """How a test reaches a server that takes writes, when it wants nothing to take too long."""
    deadlines = {"connect_timeout": LONG, "lock_timeout": LONG - 10, "statement_timeout": LONG}
    return PrimaryConfig(primary=address, **deadlines | fields)


def patient_reads(*addresses: str, **fields) -> ReplicaConfig:
    """How it reaches servers that answer reads."""
    return ReplicaConfig(replicas=addresses, **{"connect_timeout": LONG, "read_timeout": LONG} | fields)


async def succeeds(call: Awaitable[object]) -> None:
    """Makes an assertion of a call that may find the server gone."""
    try:
        await call
    except Unavailable as error:
        raise AssertionError from error
