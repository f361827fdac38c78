"""Migrations go up, down, and up again."""

import subprocess

import asyncpg
import pytest

from infrastructure.postgres.pool import newest_migration
from tests import official
from tests.component.postgres.cluster import dbmate
from tests.component.postgres.images import plain_image


def schema(address: str) -> str:
    """The tables, indexes and constraints of a database as SQL, without what changes from dump to dump."""
    command = (*official.postgres_program("pg_dump"), "--schema-only", "--no-owner", address)
    dumped = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    return "\n".join(line for line in dumped.splitlines() if not line.startswith("\\"))


async def tables(psql: asyncpg.Connection) -> set[str]:
    """The names of all tables."""
    return {row[0] for row in await psql.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}


async def test_up_down_up(address, psql):
    """Taking all migrations back leaves nothing of ours, and applying them again gives the same schema."""
    before = schema(address)
    assert await tables(psql) > {"blobs", "images", "outbox", "schema_migrations"}
    for _ in await psql.fetch("SELECT version FROM schema_migrations"):
        dbmate(address, "down")
    assert await tables(psql) == {"schema_migrations"}
    dbmate(address, "up")
    assert schema(address) == before
    assert await psql.fetchval("SELECT max(version) FROM schema_migrations") == newest_migration()


async def test_rows_that_make_no_sense_are_refused(ledger, psql):
    """The schema itself keeps out what the code never writes."""
    await ledger.insert(plain_image(), delete_token_hash=None)
    for change in (
        "UPDATE images SET version = 0",
        "UPDATE images SET visibility = 'hidden'",
        "UPDATE images SET file_size = 0",
        "UPDATE blobs SET state = 'lost'",
        "UPDATE blobs SET state = 'failed'",
        "UPDATE blobs SET failure_code = 'X', failure_message = 'x'",
        "UPDATE blobs SET placement = '{}'",
        "UPDATE blobs SET sha256 = '\\x00'",
        "UPDATE blobs SET width = 0",
        "DELETE FROM blobs",
    ):
        with pytest.raises((asyncpg.CheckViolationError, asyncpg.ForeignKeyViolationError)):
            await psql.execute(change)
