"""What the driver's errors mean to us.

    Unavailable        the server answered that it can't: a lock not granted in time, no space, too busy
    ├── NotReady       at the start: no server, or not as this release needs it; the text names what is missing
    ├── Unreachable    no connection could be made: nothing was asked
    ├── NoAnswer       the connection broke, or nothing came back in time: what was asked may have been done
    └── Undone         nothing was done and repeating may work: a deadlock, a server demoted under us

The last three are this room's: it repeats what they interrupted where that is safe, and callers see an
Unavailable. Anything else a driver raises (bad SQL, a broken constraint) is a fault in the code and passes
through as it is.
"""

import asyncpg

from contracts.errors import Unavailable


class NotReady(Unavailable):
    """The server isn't there, or not as this release needs it; the text names what is missing."""


class Unreachable(Unavailable):
    """No connection could be made."""


class NoAnswer(Unavailable):
    """The connection broke, or nothing came back in time."""


class Undone(Unavailable):
    """Nothing was done, for a reason that lies outside the request."""


DRIVER_ERRORS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What the driver raises when the world is at fault, and more; TimeoutError is an OSError."""

_REFUSED = (
    asyncpg.exceptions.LockNotAvailableError,
    asyncpg.exceptions.QueryCanceledError,  # an operator's intervention too, by its code; the connection is sound
    asyncpg.exceptions.InsufficientResourcesError,
    asyncpg.exceptions.PostgresSystemError,
)
_UNDONE = (
    asyncpg.InterfaceError,  # the connection is closed or was taken away, as is found out before anything is sent
    asyncpg.exceptions.TransactionRollbackError,
    asyncpg.exceptions.ReadOnlySQLTransactionError,
    asyncpg.exceptions.InvalidCachedStatementError,  # a migration changed a type; the driver has dropped its plans
)
_SILENT = (
    OSError,
    asyncpg.InternalClientError,  # for example the moment between a server's last words and the end of the connection
    asyncpg.PostgresConnectionError,
    asyncpg.exceptions.OperatorInterventionError,
)


def translate(error: BaseException) -> Unavailable | None:
    """What a driver's error means to a caller; None when it is a fault in our own code."""
    if isinstance(error, ValueError):
        return None  # an argument of the wrong type: an InterfaceError by inheritance only
    if isinstance(error, _REFUSED):
        return Unavailable()
    if isinstance(error, _UNDONE):
        return Undone()
    return NoAnswer() if isinstance(error, _SILENT) else None
