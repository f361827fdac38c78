"""Reads go to one replica, and to another when it doesn't answer."""

import asyncio
import contextlib
import shutil
import signal
import subprocess
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest

from contracts.consistency import position
from contracts.errors import Unavailable
from deploy.local import ports
from infrastructure.postgres import replica as replica_module
from infrastructure.postgres.catalogue import Catalogue
from infrastructure.postgres.config import ReplicaConfig
from infrastructure.postgres.errors import NotReady
from infrastructure.postgres.heartbeat import Heartbeat
from infrastructure.postgres.ledger import Ledger
from infrastructure.postgres.primary import open_primary
from infrastructure.postgres.replica import Replica, _Seat, open_replica
from infrastructure.telemetry import metrics
from tests.component.postgres.cluster import Server, dbmate
from tests.component.postgres.images import plain_image
from tests.component.postgres.steps import LONG, patient, patient_reads, succeeds
from tests.eventually import eventually


def reading(*servers: Server, **fields) -> ReplicaConfig:
    """Reads from these servers."""
    return patient_reads(*(server.address for server in servers), **{"pool_size": 3} | fields)


@pytest.fixture
def standbys(cluster) -> tuple[Server, Server]:
    """Two replicas that may be stopped and hung."""
    return cluster.standbys


async def test_reads_spread_and_move_on(standbys):
    """Each reader begins with the replica it is told to; when that one stops it reads from the next."""
    async with open_replica(reading(*standbys)) as first, open_replica(reading(*standbys), first=3) as second:
        assert (first.name, second.name) == (standbys[0].name, standbys[1].name)
        standbys[0].stop()
        await asyncio.gather(*(first.ping() for _ in range(20)), *(second.ping() for _ in range(20)))
        assert (first.name, second.name) == (standbys[1].name, standbys[1].name)
        standbys[1].stop(signal.SIGQUIT)
        with pytest.raises(Unavailable):
            await first.ping()
        standbys[0].start()
        await eventually(lambda: succeeds(first.ping()))
        assert first.name == standbys[0].name


async def test_reads_in_flight_follow(standbys):
    """Reads that run when their replica crashes are answered by the next one."""
    slow_on_the_first = "SELECT pg_sleep(CASE inet_server_port() WHEN $1::int THEN 60 ELSE 0 END), inet_server_port()"
    async with open_replica(reading(*standbys)) as replica:
        reads = [asyncio.create_task(replica.fetch(slow_on_the_first, standbys[0].port)) for _ in range(3)]
        await eventually(lambda: busy(replica, 3))
        standbys[0].stop(signal.SIGQUIT)
        assert {rows[0][1] for rows in await asyncio.gather(*reads)} == {standbys[1].port}


def busy(replica: Replica, count: int) -> None:
    """Asserts that so many connections are in use."""
    assert replica.connections_in_use == count


async def test_hanging_replica_is_left(standbys):
    """A replica that keeps its connections open and answers nothing is left after one deadline."""
    async with open_replica(reading(*standbys, connect_timeout=1.0, read_timeout=1.0)) as replica:
        standbys[0].hang()
        try:
            # More than the pool holds, so that some only wait for a connection.
            await asyncio.gather(*(replica.ping() for _ in range(8)))
            assert replica.name == standbys[1].name
        finally:
            standbys[0].resume()


async def test_ended_connections_cost_no_read(standbys):
    """Reads go on when the server ends all connections of the reader, busy ones too."""
    async with open_replica(reading(*standbys)) as replica:
        read = asyncio.create_task(replica.fetch("SELECT 7 FROM pg_sleep(1)"))
        await eventually(lambda: busy(replica, 1))
        standbys[0].sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'chitram'")
        assert (await read)[0][0] == 7
        await replica.ping()


async def test_single_replica_is_waited_for(standbys):
    """With one replica only, reads fail while it is down, at once, and work again when it is back."""
    async with open_replica(reading(standbys[0])) as replica:
        standbys[0].stop()
        for _ in range(3):
            with pytest.raises(Unavailable):
                await replica.ping()
        standbys[0].start()
        await eventually(lambda: succeeds(replica.ping()))


async def test_many_reads_search_once(standbys, monkeypatch):
    """However many reads fail together, the other replicas are tried once."""
    searches = 0
    sit_down = replica_module._sit_down

    async def counting(*arguments):
        nonlocal searches
        searches += 1
        return await sit_down(*arguments)

    async with open_replica(reading(*standbys)) as replica:
        monkeypatch.setattr(replica_module, "_sit_down", counting)
        monkeypatch.setattr(replica_module, "PAUSE", LONG)
        for server in standbys:
            server.stop()
        outcomes = await asyncio.gather(*(replica.ping() for _ in range(30)), return_exceptions=True)
        assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
        assert searches == 1


async def test_long_read_is_unavailable_and_no_reason_to_move(standbys, monkeypatch):
    """A query that takes too long is ended, and its replica kept."""
    monkeypatch.setattr(replica_module, "GRACE", LONG)  # it is the server that ends it
    async with open_replica(reading(*standbys, read_timeout=1.0)) as replica:
        with pytest.raises(Unavailable):
            await replica.fetch("SELECT pg_sleep(60)")
        assert replica.name == standbys[0].name


async def test_cancelled_read_gives_its_connection_back(replica):
    """A reader that goes away leaves no connection busy."""
    read = asyncio.create_task(replica.fetch("SELECT pg_sleep(60)"))
    await eventually(lambda: busy(replica, 1))
    read.cancel()
    with pytest.raises(asyncio.CancelledError):
        await read
    busy(replica, 0)


async def test_busy_pool_is_unavailable_and_no_reason_to_move(standbys):
    """A read that finds too many others before it fails, and the replica is kept."""
    async with open_replica(reading(*standbys, pool_size=1)) as replica:
        replica._wait = 1.0  # reads take twice as long
        line = [replica.fetch("SELECT pg_sleep(2)") for _ in range(6)]
        outcomes = await asyncio.gather(*line, return_exceptions=True)
        assert 0 < sum(isinstance(outcome, Unavailable) for outcome in outcomes) < 6
        assert replica.name == standbys[0].name


async def test_read_that_replay_ends_is_repeated(cluster):
    """A query that stands in the way of replay is ended by the replica and asked again, out of callers' sight."""
    standby = cluster.standbys[0]
    standby.sql("ALTER SYSTEM SET max_standby_streaming_delay = 0; SELECT pg_reload_conf();")
    cluster.primary.sql("CREATE TABLE numbers AS SELECT 1 AS number; GRANT SELECT ON numbers TO chitram;")
    await standby.caught_up(cluster.primary.sql("SELECT pg_current_wal_lsn()"))
    async with open_replica(reading(*cluster.standbys)) as replica:
        read = asyncio.create_task(replica.fetch("SELECT number, pg_sleep(60) FROM numbers"))
        await eventually(lambda: busy(replica, 1))
        cluster.primary.sql("TRUNCATE numbers")
        assert await read == []
        assert replica.name == standby.name


async def test_read_that_is_undone_each_time_is_unavailable(replica):
    """A read is not repeated for ever."""
    with pytest.raises(Unavailable):
        await replica.fetch("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'serialization_failure'; END $$")


async def test_connections_are_measured(replica):
    """The metric of connections in use shows what is busy."""
    read = asyncio.create_task(replica.fetch("SELECT pg_sleep(1)"))
    await eventually(lambda: busy(replica, 1))
    assert metrics.registry.get_sample_value("db_connections_active", {"pool": "replica"}) == 1
    await read
    assert metrics.registry.get_sample_value("db_connections_active", {"pool": "replica"}) == 0


async def test_each_replica_can_be_checked(standbys):
    """What is down is told of it, whichever is in use; one that hangs is down too."""
    async with open_replica(reading(*standbys)) as replica:
        first, second = replica.addresses
        await eventually(lambda: succeeds(replica.check(first)))
        standbys[1].hang()
        await eventually(lambda: succeeds(replica.check(first)))
        with pytest.raises(Unavailable):
            await replica.check(second)


async def test_position_follows_replay(cluster, clock):
    """A commit can be read once the replica's position has reached the commit's, and not before."""
    config = patient(cluster.primary.address)
    async with open_primary(config) as primary, open_replica(reading(*cluster.standbys)) as replica:
        ledger = Ledger(primary, clock=clock, new_id=uuid4)
        image = plain_image()
        cluster.standbys[0].sql("SELECT pg_wal_replay_pause()")
        committed = await ledger.insert(image, delete_token_hash=None)
        assert (await Catalogue(replica).select_image(image.id)).image is None
        assert (await replica.look()).position < position(committed.lsn)
        assert (await Catalogue(replica).select_image(image.id)).as_of == replica.position
        cluster.standbys[0].sql("SELECT pg_wal_replay_resume()")

        async def replayed() -> None:
            assert (await replica.look()).position >= position(committed.lsn)

        await eventually(replayed)
        found = await Catalogue(replica).select_image(image.id)
        assert found.image == image
        assert found.as_of == replica.position >= position(committed.lsn)


async def test_a_replica_that_comes_back_behind_is_not_believed_to_be_where_it_was(cluster, clock, tmp_path):
    """What it said before it was killed counts for no answer of the server that was put in its place."""
    config, standby = patient(cluster.primary.address), cluster.standbys[0]
    older = kept(standby, tmp_path)
    with (older / "postgresql.auto.conf").open("a") as settings:
        settings.write("recovery_min_apply_delay = '1h'\n")
    async with open_primary(config) as primary, open_replica(reading(standby)) as replica:
        committed = await Ledger(primary, clock=clock, new_id=uuid4).insert(plain_image(), delete_token_hash=None)
        await standby.caught_up(committed.lsn)
        assert (await replica.look()).position >= position(committed.lsn)
        standby.kill()
        with pytest.raises(Unavailable):
            await replica.ping()
        restore(standby, older)
        await eventually(lambda: succeeds(replica.ping()))
        found = await Catalogue(replica).select_image(committed.image.id)
        assert found.image is None
        assert found.as_of < position(committed.lsn)
        assert (await replica.look()).position < position(committed.lsn)


def kept(server: Server, directory: Path) -> Path:
    """A copy of what a server has, made while it stands still."""
    server.stop()
    copy = directory / "older"
    subprocess.run(("cp", "-a", str(server.facts.data), str(copy)), check=True)
    server.start()
    return copy


def restore(server: Server, copy: Path) -> None:
    """Starts a server with what it had when the copy was made."""
    shutil.rmtree(server.facts.data)
    copy.rename(server.facts.data)
    (server.facts.data / "postmaster.pid").unlink(missing_ok=True)
    server.start()


async def test_a_position_that_was_found_out_counts_for_connections_made_before_it_was_asked_for():
    """For those that are newer, what was found out over them."""
    seat = _Seat("", pool=None, connector=None, position=70, moment=5)
    assert seat.as_of(SimpleNamespace(made=4, position=10)) == 70
    assert seat.as_of(SimpleNamespace(made=4, position=80)) == 80
    assert seat.as_of(SimpleNamespace(made=6, position=10)) == 10


async def test_a_commit_that_nobody_can_see_yet_is_behind_the_position(cluster, clock):
    """A server that takes writes has it in its log already; its position is named only when it can be seen."""
    server = cluster.primary
    async with (
        open_primary(patient(server.address)) as primary,
        open_replica(reading(server)) as replica,
    ):
        image = plain_image()
        server.sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'; SELECT pg_reload_conf();")
        try:
            commit = asyncio.create_task(
                Ledger(primary, clock=clock, new_id=uuid4).insert(image, delete_token_hash=None)
            )
            await eventually(lambda: waits_for_a_standby(server))
            await replica.look()
            found = await Catalogue(replica).select_image(image.id)
        finally:
            server.sql("ALTER SYSTEM RESET ALL; SELECT pg_reload_conf();")
        assert found.image is None
        assert found.as_of < position((await commit).lsn)


def waits_for_a_standby(server: Server) -> None:
    """Asserts that a commit is in the log and its answer is not given."""
    assert server.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") == "1"


async def test_a_replica_tells_which_events_it_has_replayed(cluster):
    """Those up to the place in the stream that the last heartbeat it has replayed was written with."""
    config = patient(cluster.primary.address)
    async with open_primary(config) as primary, open_replica(reading(*cluster.standbys)) as replica:
        before = await replica.look()
        await Heartbeat(primary).beat("made at noon", 7)

        async def is_there() -> None:
            look = await replica.look()
            assert (look.stream, look.sequence) == ("made at noon", 7)
            assert look.position > before.position

        await eventually(is_there)


async def test_the_primarys_position_is_not_before_any_commit(cluster, clock):
    """A replica that has replayed it has everything that was answered before it was asked for."""
    config = patient(cluster.primary.address)
    async with open_primary(config) as primary, open_replica(reading(*cluster.standbys)) as replica:
        ledger = Ledger(primary, clock=clock, new_id=uuid4)
        for _ in range(20):
            image = plain_image()
            await ledger.insert(image, delete_token_hash=None)
            asked = await primary.position()

            async def replayed(asked: int = asked) -> None:
                assert (await replica.look()).position >= asked

            await eventually(replayed)
            assert (await Catalogue(replica).select_image(image.id)).image == image


async def test_a_primary_that_is_not_required_is_used_when_it_is_there(own_cluster):
    """The start doesn't need it; reads find it after a restart."""
    own_cluster.primary.stop()
    async with open_primary(patient(own_cluster.primary.address), required=False) as primary:
        with pytest.raises(Unavailable):
            await primary.position()
        own_cluster.primary.start()
        assert await primary.position() > 0
        own_cluster.primary.stop()
        own_cluster.primary.start()
        assert (await primary.read("SELECT 7")).rows[0][0] == 7


async def test_promoted_replica_can_still_be_read(own_cluster):
    """A replica that became the primary goes on answering, with the position that it writes at."""
    standby = own_cluster.standbys[0]
    async with open_replica(reading(standby)) as replica:
        before = (await replica.look()).position
        own_cluster.primary.stop()
        standby.sql("SELECT pg_promote()")
        assert (await replica.look()).position >= before
        assert replica.name == standby.name


async def test_start_passes_over_what_is_down(standbys):
    """A reader starts with the first replica that answers."""
    standbys[0].stop()
    async with open_replica(reading(*standbys)) as replica:
        assert replica.name == standbys[1].name


async def test_start_without_any_replica_names_them():
    """When none answers the start fails, naming each."""
    first, second = ports.choose(2)
    config = patient_reads(*(f"postgresql://chitram@127.0.0.1:{port}/chitram" for port in (first, second)))
    with pytest.raises(NotReady, match=f"{first}: connection refused; 127.0.0.1:{second}"):
        async with open_replica(config):
            pass


async def test_start_waits_for_the_schema_to_be_replayed(address, monkeypatch):
    """A reader that starts before its replica has the tables waits for them."""
    monkeypatch.setattr(replica_module, "SCHEMA_PATIENCE", LONG)
    dbmate(address, "down")
    async with contextlib.AsyncExitStack() as stack:
        opening = asyncio.create_task(stack.enter_async_context(open_replica(patient_reads(address))))
        await asyncio.sleep(0)
        await asyncio.to_thread(dbmate, address, "up")
        await (await opening).ping()


async def test_start_does_not_wait_for_ever_for_the_schema(address, monkeypatch):
    """A replica whose schema stays too old stops the start."""
    monkeypatch.setattr(replica_module, "SCHEMA_PATIENCE", 0.1)
    dbmate(address, "down")
    with pytest.raises(NotReady, match="schema is at"):
        async with open_replica(patient_reads(address)):
            pass
