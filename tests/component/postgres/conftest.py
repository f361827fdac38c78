"""Ways into the databases of the tests of the Postgres room."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from infrastructure.postgres.catalogue import Catalogue
from infrastructure.postgres.ledger import Ledger
from infrastructure.postgres.outbox import Outbox
from infrastructure.postgres.primary import Primary, open_primary
from infrastructure.postgres.replica import Replica, open_replica
from tests.borrowed import Database
from tests.component.postgres.cluster import Cluster, make_cluster
from tests.component.postgres.steps import patient, patient_reads
from tests.component.postgres.times import Clock


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keeps the tests of outages together: they share servers, which every worker would start anew."""
    for item in items:
        if "outage_cluster" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("outages"))


@pytest.fixture
def address(database: Database) -> str:
    """Connection string of this test's database."""
    return database.primary


@pytest.fixture
async def psql(address: str) -> AsyncIterator[asyncpg.Connection]:
    """A plain connection to this test's database, for looking behind the room's back."""
    connection = await asyncpg.connect(address)
    yield connection
    await connection.close()


@pytest.fixture
async def other(address: str) -> AsyncIterator[asyncpg.Connection]:
    """Another plain connection, for standing in the room's way."""
    connection = await asyncpg.connect(address)
    yield connection
    await connection.close()


@pytest.fixture
async def primary(address: str) -> AsyncIterator[Primary]:
    """The room's way to this test's database."""
    async with open_primary(patient(address)) as primary:
        yield primary


@pytest.fixture
def clock() -> Clock:
    """A clock that tells another time whenever it is asked."""
    return Clock()


@pytest.fixture
def ledger(primary: Primary, clock: Clock) -> Ledger:
    """A ledger on this test's database."""
    return Ledger(primary, clock=clock, new_id=uuid4)


@pytest.fixture
def outbox(primary: Primary) -> Outbox:
    """The outbox of this test's database."""
    return Outbox(primary)


@pytest.fixture
async def replica(address: str) -> AsyncIterator[Replica]:
    """A reader of the primary itself, so that reads see each write at once."""
    async with open_replica(patient_reads(address)) as replica:
        yield replica


@pytest.fixture
def catalogue(replica: Replica) -> Catalogue:
    """The catalogue of this test's database."""
    return Catalogue(replica)


@pytest.fixture(scope="session")
def outage_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Servers for all tests of outages that can be put right."""
    cluster = make_cluster(tmp_path_factory.mktemp("outages"))
    yield cluster
    cluster.remove()


@pytest.fixture
async def cluster(outage_cluster: Cluster) -> AsyncIterator[Cluster]:
    """Servers that may be stopped and hung, but not promoted."""
    yield outage_cluster
    await outage_cluster.heal()


@pytest.fixture
def own_cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Servers that only this test uses, and may ruin."""
    cluster = make_cluster(tmp_path)
    yield cluster
    cluster.remove()
