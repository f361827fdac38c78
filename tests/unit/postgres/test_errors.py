"""What each kind of driver error means to a caller."""

import asyncpg
import pytest

from contracts.errors import Unavailable
from infrastructure.postgres.errors import NoAnswer, Undone, translate


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (TimeoutError(), NoAnswer),
        (ConnectionResetError(), NoAnswer),
        (asyncpg.ConnectionDoesNotExistError("closed in the middle of operation"), NoAnswer),
        (asyncpg.AdminShutdownError("terminating"), NoAnswer),
        (asyncpg.CannotConnectNowError("starting up"), NoAnswer),
        (asyncpg.InternalClientError("cannot switch to state"), NoAnswer),
        (asyncpg.InterfaceError("connection is closed"), Undone),
        (asyncpg.DeadlockDetectedError("deadlock"), Undone),
        (asyncpg.SerializationError("conflict with recovery"), Undone),
        (asyncpg.ReadOnlySQLTransactionError("standby"), Undone),
        (asyncpg.LockNotAvailableError("lock timeout"), Unavailable),
        (asyncpg.QueryCanceledError("statement timeout"), Unavailable),
        (asyncpg.DiskFullError("disk full"), Unavailable),
        (asyncpg.TooManyConnectionsError("too many"), Unavailable),
    ],
)
def test_faults_of_the_world(error, meaning):
    """Everything that trying again may cure is an Unavailable, of the kind that says what is known."""
    assert type(translate(error)) is meaning


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.UniqueViolationError("twice"),
        asyncpg.PostgresSyntaxError("syntax"),
        asyncpg.exceptions._base.DataError("expected str"),
        asyncpg.DataError("out of range"),
    ],
)
def test_faults_of_ours(error):
    """A broken constraint, bad SQL or a wrong argument is not made to look like an outage."""
    assert translate(error) is None
