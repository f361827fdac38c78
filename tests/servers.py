"""Real servers for tests, as fixtures.

One set for a whole run, however many workers it has: the first test that needs a server starts
it, nobody may disturb it, and it is gone when the run ends, even when the run is killed. A server that
a test wants to stop, hang or fill up is started by that test, from the parts in `deploy.local.servers`.

    for the run         what                                                    for one test
    ------------------  ------------------------------------------------------  ----------------------
    postgres            primary and one streaming replica                       database
    redis_server        Valkey                                                  redis_prefix
    nats_server         NATS with JetStream                                     nats_prefix
    s3_server           SeaweedFS                                               buckets
                        all of it, as the services' variables                   server_environment

With `CHITRAM_TEST_SERVERS=containers` they are official images instead of wheels (`tests/official.py`).

`database` has all migrations applied, on the primary and on the replica; `buckets` are four empty
ones; a prefix is a word that no other test has.
"""

import contextlib
import fcntl
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from deploy.local import ports
from deploy.local.blueprint import RAISED_RATES
from deploy.local.part import Part, Running, start, wait_ready
from deploy.local.servers import nats, postgres, seaweedfs, valkey
from tests import official
from tests.borrowed import TEMPLATE, Buckets, Cluster, Database, Databases

S = TypeVar("S", bound=msgspec.Struct)


@pytest.fixture(scope="session")
def servers_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the servers of this run live: one directory for all workers."""
    base = tmp_path_factory.getbasetemp()
    run = os.getpid()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base, run = base.parent, os.getppid()
    with _locked(base):
        directory = base / "servers"
        if not directory.exists():
            directory.mkdir()
            _leave_behind_a_sweeper(run, directory)
    return directory


@pytest.fixture(scope="session", name="postgres")
def postgres_cluster(servers_directory: Path) -> Cluster:
    """A primary and one streaming replica."""
    return _shared(servers_directory, "postgres", Cluster, _start_postgres)


@pytest.fixture(scope="session")
def redis_server(servers_directory: Path) -> valkey.Server:
    """A Valkey server; `url` is its address."""
    return _shared(servers_directory, "valkey", valkey.Server, _start_valkey)


@pytest.fixture(scope="session")
def nats_server(servers_directory: Path) -> nats.Server:
    """A NATS server with JetStream; `url` is its address."""
    return _shared(servers_directory, "nats", nats.Server, _start_nats)


@pytest.fixture(scope="session")
def s3_server(servers_directory: Path) -> seaweedfs.Server:
    """A SeaweedFS server: `endpoint` (host:port), `access_key`, `secret_key`."""
    return _shared(servers_directory, "seaweedfs", seaweedfs.Server, _start_seaweedfs)


@pytest.fixture(scope="session")
def databases(postgres: Cluster) -> Databases:
    """What `database` is taken from, for tests that need one more."""
    return Databases(postgres)


@pytest.fixture
def database(databases: Databases) -> Iterator[Database]:
    """An empty database of the test's own, with all migrations, also on the replica."""
    with databases.lend() as lent:
        yield lent


@pytest.fixture
def redis_prefix() -> str:
    """A word that no other test's keys begin with."""
    return f"t-{secrets.token_hex(6)}"


@pytest.fixture
def nats_prefix() -> str:
    """A word that no other test's stream and subjects begin with."""
    return f"t-{secrets.token_hex(6)}"


@pytest.fixture(scope="session")
def all_buckets(s3_server: seaweedfs.Server) -> Buckets:
    """What `buckets` are taken from."""
    return Buckets(s3_server)


@pytest.fixture
def buckets(all_buckets: Buckets) -> Iterator[tuple[str, ...]]:
    """Four empty buckets of the test's own."""
    with all_buckets.lend() as names:
        yield names


@pytest.fixture
def server_environment(  # noqa: PLR0917 - fixtures are asked for by name
    database: Database,
    redis_server: valkey.Server,
    redis_prefix: str,
    nats_server: nats.Server,
    nats_prefix: str,
    s3_server: seaweedfs.Server,
    buckets: tuple[str, ...],
) -> dict[str, str]:
    """The variables with which a service reaches the servers, in a corner of its own on each."""
    shards = (f"shard-{number}=s3://{s3_server.endpoint}/{name}" for number, name in enumerate(buckets, 1))
    return RAISED_RATES | {
        "CHITRAM_POSTGRES_CONNECT_TIMEOUT": "5",  # a machine that runs everything at once is slow
        "CHITRAM_PASSWORD_MEMORY": str(1 << 20),  # each write service makes a hash when it starts
        "CHITRAM_PASSWORD_PASSES": "1",
        "CHITRAM_POSTGRES_PRIMARY": database.primary,
        "CHITRAM_POSTGRES_REPLICAS": ",".join(database.replicas),
        "CHITRAM_REDIS_URL": redis_server.url,
        "CHITRAM_REDIS_PREFIX": redis_prefix,
        "CHITRAM_NATS_SERVERS": nats_server.url,
        "CHITRAM_NATS_PREFIX": nats_prefix,
        "CHITRAM_SHARDS": ",".join(shards),
        "CHITRAM_S3_ACCESS_KEY": s3_server.access_key,
        "CHITRAM_S3_SECRET_KEY": s3_server.secret_key,
        "CHITRAM_S3_REGION": seaweedfs.REGION,
        "CHITRAM_SECRET_KEYS": "test:of-the-tests-and-of-nobody-elses-",
    }


def sql(server: postgres.Server, script: str, database: str = "postgres") -> str:
    """Runs a script as superuser and gives what it prints."""
    return postgres.run_sql(server, script, database)


def run(part: Part, log: Path) -> Running:
    """Starts a server and waits until it serves."""
    running = start(part, log)
    log.with_suffix(".sockets").write_text("\n".join(map(str, part.sockets)))
    wait_ready(running, seconds=90)
    return running


def _run_for_all(part: Part, log: Path) -> None:
    """As `run`, for a server that outlives this process: the sweeper ends it."""
    if official.WANTED:
        official.run(part)
    else:
        run(part, log).process.returncode = 0  # nobody waits for it


def _start_postgres(directory: Path) -> Cluster:
    first, second = ports.choose(2)
    primary = _postgres_server(directory, "primary", first)
    replica = _postgres_server(directory, "replica", second, follows=first)
    if not official.WANTED:  # an image makes its data by itself
        postgres.create(primary)
    _run_for_all(postgres.part(primary), directory / "primary.log")
    postgres.prepare(primary)
    sql(primary, f"create database {TEMPLATE} owner chitram;")
    postgres.migrate(primary, TEMPLATE)
    if not official.WANTED:
        postgres.copy(replica)
    _run_for_all(postgres.part(replica), directory / "replica.log")
    return Cluster(primary, replica)


def _postgres_server(directory: Path, name: str, port: int, follows: int | None = None) -> postgres.Server:
    return postgres.Server(
        name=name,
        port=port,
        data=directory / name,
        config=directory / f"{name}.conf",
        passwords=postgres.Passwords("of-postgres", "of-chitram", "of-replicator"),
        follows=follows,
        durable=False,
    )


def _start_valkey(directory: Path) -> valkey.Server:
    (port,) = ports.choose(1)
    server = valkey.Server(
        name="valkey", port=port, directory=directory / "run", config=directory / "valkey.conf", password="of-valkey"
    )
    _run_for_all(valkey.part(server), directory / "valkey.log")
    return server


def _start_nats(directory: Path) -> nats.Server:
    (port,) = ports.choose(1)
    server = nats.Server(name="nats", port=port, directory=directory / "run", password="of-nats")
    _run_for_all(nats.part(server), directory / "nats.log")
    return server


def _start_seaweedfs(directory: Path) -> seaweedfs.Server:
    server = seaweedfs.Server(
        name="seaweedfs",
        ports=seaweedfs.Ports(*ports.choose(8)),
        directory=directory / "run",
        keys=directory / "keys.json",
        access_key="chitram",
        secret_key="of-seaweedfs",
    )
    _run_for_all(seaweedfs.part(server), directory / "seaweedfs.log")
    return server


def _shared(directory: Path, name: str, kind: type[S], begin: Callable[[Path], S]) -> S:
    """The server `name` of this run; whoever comes first starts it, the others read where it is."""
    place, facts = directory / name, directory / f"{name}.json"
    with _locked(place):
        if not facts.exists():
            facts.write_bytes(msgspec.json.encode(begin(place), enc_hook=str))
    return msgspec.json.decode(facts.read_bytes(), type=kind, dec_hook=_path)


def _path(kind: type[Any], value: Any) -> Any:
    return kind(value)


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    directory.mkdir(exist_ok=True)
    with (directory / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _leave_behind_a_sweeper(run: int, directory: Path) -> None:
    subprocess.Popen(
        (sys.executable, "-m", "tests.sweeper", str(run), str(directory)),
        cwd=Path(__file__).parents[1],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ).returncode = 0  # it outlives us, so nobody waits for it
