"""The fixtures other tests stand on."""

import asyncpg
import httpx

from deploy.local.servers.postgres import run_sql


async def test_database_is_migrated_on_primary_and_replica(database):
    """A fresh database has the tables on both servers, and the replica can't be written to."""
    for address, follows in ((database.primary, False), (database.replicas[0], True)):
        connection = await asyncpg.connect(address)
        assert await connection.fetchval("select count(*) from images") == 0
        assert await connection.fetchval("select pg_is_in_recovery()") is follows
        await connection.close()


async def test_buckets_need_keys(s3_server, buckets):
    """Nobody reads or writes a bucket without a signature."""
    async with httpx.AsyncClient(base_url=f"http://{s3_server.endpoint}", timeout=60) as client:
        for name in buckets:
            assert (await client.get(f"/{name}/key")).status_code == 403
            assert (await client.put(f"/{name}/key", content=b"x")).status_code == 403


def test_every_server_is_named_to_the_services(server_environment):
    """The environment of a service names a corner on each of the servers."""
    assert len(server_environment["CHITRAM_SHARDS"].split(",")) == 4
    assert all(server_environment.values())


def test_psql_gets_variables_as_they_are(postgres):
    """Backslashes and quotes too: patterns have them."""
    for value in (r"^s3://127\.0\.0\.1:\d+/$", "it's", "\\'"):
        assert run_sql(postgres.primary, "select :'value';", value=value).strip() == value
