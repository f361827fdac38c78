"""What a transaction's end means, and how the room comes back after a server went away."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from contracts.errors import OutcomeUnknown, Unavailable
from deploy.local import ports
from infrastructure.postgres.config import PrimaryConfig
from infrastructure.postgres.connection import fetch
from infrastructure.postgres.errors import NotReady
from infrastructure.postgres.ledger import Ledger
from infrastructure.postgres.primary import Primary, check_primary, open_primary
from tests.borrowed import Database
from tests.component.postgres.cluster import Server, dbmate
from tests.component.postgres.images import counts, plain_image
from tests.component.postgres.proxy import Proxy
from tests.component.postgres.steps import LONG, patient, succeeds
from tests.eventually import eventually


@pytest.fixture
async def proxy(database: Database) -> AsyncIterator[Proxy]:
    """A wire to this test's database that may be cut."""
    async with Proxy(database.primary).listening() as proxy:
        yield proxy


@pytest.fixture
async def wired(proxy: Proxy) -> AsyncIterator[Primary]:
    """This test's database through the wire."""
    async with open_primary(patient(proxy.address)) as primary:
        yield primary


@pytest.fixture
def wired_ledger(wired: Primary, clock) -> Ledger:
    """A ledger through the wire."""
    return Ledger(wired, clock=clock, new_id=uuid4)


async def test_without_a_primary_everything_fails_at_once(database):
    """Nobody tries to connect any more, once it is known that no server takes writes."""
    async with AsyncExitStack() as stack:
        async with Proxy(database.primary).listening() as wire:
            primary = await stack.enter_async_context(open_primary(patient(wire.address)))

        async def is_given_up() -> None:
            with pytest.raises(Unavailable) as raised:
                await primary.fetch("SELECT 1")
            assert raised.value.__cause__ is None

        await eventually(is_given_up)


def keep(stored):
    """Decides on no other words; the version grows all the same."""
    return stored.image


async def test_lost_answer_to_an_upload_is_an_unknown_outcome(wired_ledger, proxy, psql):
    """When the answer to an upload's statement is lost it is said to be unknown, and here it was done."""
    await wired_ledger.insert(plain_image(), delete_token_hash=None)
    proxy.lose_answer(b"lost-answer.jpg")
    with pytest.raises(OutcomeUnknown):
        await wired_ledger.insert(plain_image(filename="lost-answer.jpg"), delete_token_hash=None)
    assert proxy.cuts == 1
    assert await counts(psql) == (2, 2, 2)


async def test_lost_upload_is_an_unknown_outcome(wired_ledger, proxy, psql):
    """When the statement itself is lost nobody can tell the difference, though here it was not done."""
    await wired_ledger.insert(plain_image(), delete_token_hash=None)
    proxy.lose_request(b"lost-request.jpg")
    with pytest.raises(OutcomeUnknown):
        await wired_ledger.insert(plain_image(filename="lost-request.jpg"), delete_token_hash=None)
    assert proxy.cuts == 1
    assert await counts(psql) == (1, 1, 1)


@pytest.mark.parametrize(("lose", "version"), [("lose_answer", 2), ("lose_request", 1)])
async def test_lost_commit_is_an_unknown_outcome(wired_ledger, proxy, psql, lose, version):
    """A COMMIT without an answer is said to be unknown and never repeated, whether or not it arrived."""
    image = plain_image()
    await wired_ledger.insert(image, delete_token_hash=None)
    getattr(proxy, lose)(b"COMMIT")
    with pytest.raises(OutcomeUnknown):
        await wired_ledger.update(image.id, keep)
    assert proxy.cuts == 1
    assert await psql.fetchval("SELECT version FROM images") == version
    assert (await wired_ledger.update(image.id, keep)).image.version == version + 1


async def test_lost_position_is_an_unknown_outcome(wired_ledger, proxy, psql):
    """A commit whose position can't be read is durable, but nothing can be promised about reading it back."""
    image = plain_image()
    await wired_ledger.insert(image, delete_token_hash=None)
    proxy.lose_request(b"\x06outbox")  # the argument of the statement that wakes the relay
    with pytest.raises(OutcomeUnknown):
        await wired_ledger.update(image.id, keep)
    assert await psql.fetchval("SELECT version FROM images") == 2


async def test_connection_lost_before_the_commit_is_repeated(wired_ledger, proxy, psql):
    """A connection that breaks before COMMIT was sent costs a second attempt and is not seen outside."""
    image = plain_image()
    await wired_ledger.insert(image, delete_token_hash=None)
    await wired_ledger.update(image.id, keep)
    proxy.lose_request(b"again.jpg")
    committed = await wired_ledger.update(image.id, lambda stored: plain_image(filename="again.jpg"))
    assert proxy.cuts == 1
    assert committed.image.version == 3
    assert (await counts(psql))[2] == 3


async def test_connections_that_keep_breaking_are_unavailable(wired_ledger, proxy, psql):
    """After the second attempt the room gives up, and says that nothing was done."""
    image = plain_image()
    await wired_ledger.insert(image, delete_token_hash=None)
    attempts = 0

    def cut_the_wire(stored):
        nonlocal attempts
        attempts += 1
        proxy.cut()
        return stored.image

    with pytest.raises(Unavailable) as raised:
        await wired_ledger.update(image.id, cut_the_wire)
    assert not isinstance(raised.value, OutcomeUnknown)
    assert attempts == 2
    assert await psql.fetchval("SELECT version FROM images") == 1


async def test_silent_server_is_given_up(cluster, clock):
    """A server that hangs makes a change fail in bounded time, and can be used again once it goes on."""
    config = PrimaryConfig(
        primary=cluster.primary.address, connect_timeout=1.0, lock_timeout=0.5, statement_timeout=1.0
    )
    async with open_primary(config) as primary:
        ledger = Ledger(primary, clock=clock, new_id=uuid4)
        image = plain_image()
        await ledger.insert(image, delete_token_hash=None)
        cluster.primary.hang()
        try:
            with pytest.raises(Unavailable):
                await ledger.update(image.id, keep)
            with pytest.raises(Unavailable):
                await primary.ping()
        finally:
            cluster.primary.resume()
        await eventually(lambda: succeeds(ledger.update(image.id, keep)))


async def test_cancelled_commit_is_seen_through(primary, psql):
    """A caller that is cancelled while COMMIT is under way goes, and the commit still ends."""
    task: asyncio.Task[object]

    async def work(connection) -> None:
        await fetch(connection, "INSERT INTO outbox VALUES ($1, $1, 1, 't', '', now())", uuid4())
        # Runs when the transaction has gone on to COMMIT and waits for its answer.
        asyncio.get_running_loop().call_soon(asyncio.get_running_loop().call_soon, task.cancel)

    task = asyncio.create_task(primary.transact(work))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await psql.fetchval("SELECT count(*) FROM outbox") == 1
    assert primary.connections_in_use == 0
    await primary.ping()


async def test_cancelled_work_is_undone(primary, psql):
    """A caller that is cancelled before COMMIT leaves nothing, and no connection behind."""
    entered = asyncio.Event()

    async def work(connection) -> None:
        await fetch(connection, "INSERT INTO outbox VALUES ($1, $1, 1, 't', '', now())", uuid4())
        entered.set()
        await fetch(connection, "SELECT pg_sleep(60)")

    task = asyncio.create_task(primary.transact(work))
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert primary.connections_in_use == 0
    assert await psql.fetchval("SELECT count(*) FROM outbox") == 0


async def test_ignored_failure_does_not_pass_for_a_commit(primary, psql):
    """A transaction in which a statement failed can't end as if it had been committed."""

    async def work(connection) -> None:
        await fetch(connection, "INSERT INTO outbox VALUES ($1, $1, 1, 't', '', now())", uuid4())
        with pytest.raises(asyncpg.UndefinedTableError):
            await fetch(connection, "SELECT 1 FROM nowhere")

    with pytest.raises(Unavailable):
        await primary.transact(work)
    assert await psql.fetchval("SELECT count(*) FROM outbox") == 0


async def test_deadlock_is_repeated(address, psql):
    """Of two transactions that wait for each other the server undoes one, which then goes through."""
    ids = (uuid4(), uuid4())
    for row in ids:
        await psql.execute("INSERT INTO outbox VALUES ($1, $1, 1, 't', '', now())", row)
    waiting = 0
    both_wait = asyncio.Event()

    def work(first, second):
        async def update(connection) -> None:
            nonlocal waiting
            await fetch(connection, "UPDATE outbox SET version = version + 1 WHERE id = $1", first)
            waiting += 1
            if waiting == 2:
                both_wait.set()
            await both_wait.wait()
            await fetch(connection, "UPDATE outbox SET version = version + 1 WHERE id = $1", second)

        return update

    async with open_primary(patient(address)) as primary:
        await asyncio.gather(primary.transact(work(*ids)), primary.transact(work(*reversed(ids))))
    assert await psql.fetchval("SELECT sum(version) FROM outbox") == 6
    assert waiting == 3


async def test_long_statement_is_unavailable(address, monkeypatch):
    """A statement that takes too long is ended by the server, and its connection goes on."""
    monkeypatch.setattr("infrastructure.postgres.primary.GRACE", LONG)
    config = patient(address, lock_timeout=1.0, statement_timeout=5.0)
    async with open_primary(config) as primary, primary.borrow() as connection:
        with pytest.raises(Unavailable):
            await fetch(connection, "SELECT pg_sleep(60)")
        assert await fetch(connection, "SELECT 1")


async def test_busy_pool_is_unavailable(address):
    """Who finds every connection taken is told so after a while."""
    async with open_primary(patient(address, pool_size=2)) as primary, primary.borrow(), primary.borrow():
        primary._wait = 0.5
        assert primary.connections_in_use == 2
        with pytest.raises(Unavailable):
            await primary.ping()


async def test_terminated_connections_are_replaced(primary, ledger, psql):
    """After all its connections were ended by the server the pool makes new ones."""
    image = plain_image()
    await ledger.insert(image, delete_token_hash=None)
    await psql.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    assert (await ledger.update(image.id, keep)).image.version == 2


async def test_terminated_in_the_middle_is_repeated(ledger, psql, other):
    """A transaction whose connection the server ends is done again from the beginning."""
    image = plain_image()
    await ledger.insert(image, delete_token_hash=None)

    async def terminated() -> None:
        assert await psql.fetchval(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )

    async with other.transaction():
        await other.execute("SELECT 1 FROM images FOR UPDATE")
        changing = asyncio.create_task(ledger.update(image.id, keep))
        await eventually(terminated)
    assert (await changing).image.version == 2


async def test_restarted_server_is_found_again(cluster, clock):
    """While a crashed server restarts changes are unavailable, and afterwards they work on the same pool."""
    async with open_primary(patient(cluster.primary.address)) as primary:
        ledger = Ledger(primary, clock=clock, new_id=uuid4)
        image = plain_image()
        await ledger.insert(image, delete_token_hash=None)
        cluster.primary.stop(signal.SIGQUIT)
        with pytest.raises(Unavailable):
            await ledger.update(image.id, keep)
        with pytest.raises(Unavailable):
            await ledger.insert(plain_image(), delete_token_hash=None)
        cluster.primary.start()
        assert (await ledger.update(image.id, keep)).image.version == 2


@pytest.mark.parametrize("end", ["stop", "hang"])
async def test_promoted_standby_is_followed(own_cluster, clock, end):
    """When another of the listed servers takes the writes, changes go there, past one that is down or hangs."""
    old, (new, _) = own_cluster
    config = PrimaryConfig(primary=both(old, new), connect_timeout=2.0, lock_timeout=1.0, statement_timeout=2.0)
    async with open_primary(config) as primary:
        ledger = Ledger(primary, clock=clock, new_id=uuid4)
        image = plain_image()
        committed = await ledger.insert(image, delete_token_hash=None)
        await new.caught_up(committed.lsn)

        getattr(old, end)()
        new.sql("SELECT pg_promote()")

        await eventually(lambda: succeeds(ledger.update(image.id, keep)))
        assert await new.ask("SELECT version FROM images") == 2


def both(first: Server, second: Server) -> str:
    """Connection string that lists two servers."""
    return first.address.replace(first.name, f"{first.name},{second.name}")


async def test_demoted_server_is_left(own_cluster, clock):
    """A server that stops taking writes under a living connection is left for the one that does."""
    old, (new, _) = own_cluster
    async with open_primary(patient(both(old, new))) as primary:
        ledger = Ledger(primary, clock=clock, new_id=uuid4)
        committed = await ledger.insert(plain_image(), delete_token_hash=None)
        await new.caught_up(committed.lsn)
        old.sql("ALTER SYSTEM SET default_transaction_read_only = on; SELECT pg_reload_conf();")
        new.sql("SELECT pg_promote()")

        image = plain_image()
        await eventually(lambda: succeeds(ledger.insert(image, delete_token_hash=None)))

        assert await new.ask("SELECT count(*) FROM images") == 2


async def test_the_primary_can_be_checked_without_a_pool(cluster):
    """One host that writes is enough, whoever else hangs; standbys alone are none."""
    address = urlsplit(cluster.primary.address)
    names = (cluster.standbys[0].name, cluster.standbys[1].name, cluster.primary.name)
    user = address.netloc.rpartition("@")[0]
    cluster.standbys[0].hang()
    listed = address._replace(netloc=f"{user}@{','.join(names)}").geturl()
    await eventually(lambda: succeeds(check_primary(listed)))
    with pytest.raises(Unavailable):
        await check_primary(address._replace(netloc=f"{user}@{','.join(names[:2])}").geturl())


async def test_start_without_a_server_names_it():
    """Opening fails, naming each server that was tried and what was wrong with it, and no password."""
    (port,) = ports.choose(1)
    config = patient(f"postgresql://chitram:secret@127.0.0.1:{port}/chitram")
    with pytest.raises(NotReady, match=f"takes writes: 127.0.0.1:{port}: connection refused") as raised:
        async with open_primary(config):
            pass
    assert "secret" not in str(raised.value)


async def test_start_with_standbys_only_says_so(cluster):
    """A standby is there and takes no writes: that is what the error says."""
    with pytest.raises(NotReady, match="takes no writes"):
        async with open_primary(patient(cluster.standbys[0].address)):
            pass


async def test_start_without_the_database_names_it(postgres):
    """A database that doesn't exist stops the start."""
    with pytest.raises(NotReady, match='database "absent" does not exist'):
        async with open_primary(patient(postgres.primary.url("absent"))):
            pass


async def test_start_without_the_schema_says_so(postgres, address, psql):
    """A database without the tables, or with older ones than needed, stops the start."""
    for _ in await psql.fetch("SELECT version FROM schema_migrations"):
        dbmate(address, "down")
    with pytest.raises(NotReady, match="schema is missing"):
        async with open_primary(patient(address)):
            pass
    with pytest.raises(NotReady, match="schema is missing"):
        async with open_primary(patient(postgres.primary.url("postgres"))):
            pass


async def test_start_with_an_older_schema_says_so(address, psql):
    """The error names the migration that the database is at and the one that is needed."""
    await psql.execute("DELETE FROM schema_migrations; INSERT INTO schema_migrations VALUES ('20200101000000')")
    with pytest.raises(NotReady, match="schema is at 20200101000000"):
        async with open_primary(patient(address)):
            pass
