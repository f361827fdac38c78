"""How Postgres is reached, and how long each kind of waiting may last.

The deadlines are nested, so that the side that knows most gives up first: the server ends a wait for a
lock, then the whole statement, and says which; only then does the client stop listening.
"""

from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta, Struct, field

from infrastructure.postgres.hosts import each_host

Seconds = Annotated[float, Meta(gt=0)]


class PrimaryConfig(Struct, frozen=True, kw_only=True):
    """The server that takes writes; times are in seconds.

    `primary` may list several hosts, `postgresql://user:password@a:5432,b:5432/chitram`: whichever of
    them accepts writes is used, so a promotion is followed. A claim or another transaction whose
    process has stopped between two statements is undone after `idle_transaction_timeout`.

    Behind a pooler that lends its connections for one transaction at a time, `direct` names the servers themselves, for
    what belongs to a session (LISTEN), and no statement stays `prepared`. The pooler must set the deadlines then,
    because it does not pass on what a session asks for when it begins.
    """

    primary: str = field(name="CHITRAM_POSTGRES_PRIMARY")
    direct: str = field(name="CHITRAM_POSTGRES_DIRECT", default="")
    prepared: bool = field(name="CHITRAM_POSTGRES_PREPARED", default=True)
    pool_size: Annotated[int, Meta(ge=2)] = field(name="CHITRAM_POSTGRES_POOL_SIZE", default=10)
    connect_timeout: Seconds = field(name="CHITRAM_POSTGRES_CONNECT_TIMEOUT", default=1.0)
    lock_timeout: Seconds = field(name="CHITRAM_POSTGRES_LOCK_TIMEOUT", default=2.0)
    statement_timeout: Seconds = field(name="CHITRAM_POSTGRES_STATEMENT_TIMEOUT", default=5.0)
    idle_transaction_timeout: Seconds = field(name="CHITRAM_POSTGRES_IDLE_TRANSACTION_TIMEOUT", default=30.0)

    def __post_init__(self) -> None:
        """Refuses what no connection could be made with."""
        _check("CHITRAM_POSTGRES_PRIMARY", self.primary)
        if self.direct:
            _check("CHITRAM_POSTGRES_DIRECT", self.direct)
        if not self.lock_timeout < self.statement_timeout:
            message = "CHITRAM_POSTGRES_LOCK_TIMEOUT: must be shorter than CHITRAM_POSTGRES_STATEMENT_TIMEOUT"
            raise ValueError(message)


class ReplicaConfig(Struct, frozen=True, kw_only=True):
    """The servers that answer reads, each with its own address; times are in seconds.

    `read_timeout` bounds one query at one replica. A read that gets no answer is tried elsewhere, at most three
    times in all.
    """

    replicas: tuple[str, ...] = field(name="CHITRAM_POSTGRES_REPLICAS")
    pool_size: Annotated[int, Meta(ge=1)] = field(name="CHITRAM_POSTGRES_POOL_SIZE", default=10)
    connect_timeout: Seconds = field(name="CHITRAM_POSTGRES_CONNECT_TIMEOUT", default=1.0)
    read_timeout: Seconds = field(name="CHITRAM_POSTGRES_READ_TIMEOUT", default=2.0)

    def __post_init__(self) -> None:
        """Refuses what no connection could be made with."""
        if not self.replicas:
            raise ValueError("CHITRAM_POSTGRES_REPLICAS: names no server")
        for address in self.replicas:
            _check("CHITRAM_POSTGRES_REPLICAS", address)


def _check(variable: str, address: str) -> None:
    """Raises ValueError, without the password, unless `address` names a scheme, hosts and a database."""
    try:
        parts = urlsplit(address)
        complete = parts.scheme in {"postgresql", "postgres"} and parts.path.strip("/") and each_host(address)
    except ValueError:
        complete = False
    if not complete:
        raise ValueError(f"{variable}: expected postgresql://user:password@host:port/database")
