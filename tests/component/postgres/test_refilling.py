"""A database is emptied into files and filled from them."""

from uuid import UUID

import pytest

from contracts.errors import Refused
from infrastructure.postgres.primary import open_primary
from infrastructure.postgres.refilling import Refilling
from infrastructure.postgres.schema import known_migrations
from infrastructure.postgres.snapshot import open_snapshot
from tests.component.postgres.cluster import dbmate
from tests.component.postgres.images import plain_image
from tests.component.postgres.steps import patient
from tests.component.postgres.test_migrations import schema

EVERY = tuple(known_migrations())


@pytest.fixture
async def refilling(databases):
    """A new database that is to be filled; `primary` leads to it."""
    with databases.lend() as made:
        async with open_primary(patient(made.primary), required=False) as primary:
            refilling = Refilling(primary, patience=0)
            refilling.address = made.primary
            yield refilling


async def save(primary):
    """All rows by table, with their columns, in an order in which they can be put back."""
    saved = []
    async with open_snapshot(primary) as snapshot:
        assert await snapshot.migrations() == EVERY
        for relation in await snapshot.relations():
            pieces = []
            assert await snapshot.copy(relation, pieces.append) == b"".join(pieces).count(b"\n")
            saved.append((relation.name, relation.columns, pieces))
    return saved


async def fill(refilling, saved, migrations=EVERY):
    """Puts them back."""
    async with refilling.open(migrations) as loader:
        for name, columns, pieces in saved:
            assert await loader.load(name, columns, iter(pieces)) == b"".join(pieces).count(b"\n")


async def test_rows_come_back_as_they_were(primary, ledger, psql, refilling):
    """Triggers and foreign keys work again afterwards; a second time the database is not empty."""
    image = plain_image()
    await ledger.insert(image, delete_token_hash=b"x" * 32)
    assert await psql.fetchval("SELECT count(*) FROM pg_sequences") == 0, "their values would have to be saved too"
    before = await save(primary)
    await refilling.require_empty()
    await fill(refilling, before)
    assert await save(refilling._primary) == before
    with pytest.raises(Refused, match="not empty"):
        await refilling.require_empty()
    with pytest.raises(Refused, match="not empty"):
        await fill(refilling, before)
    disabled = "SELECT count(*) FROM pg_trigger WHERE tgenabled = 'D'"
    assert (await refilling._primary.fetch(disabled))[0][0] == 0


async def test_a_snapshot_does_not_see_what_comes_later(primary, ledger):
    """Rows and inventory are of one moment."""
    async with open_snapshot(primary) as snapshot:
        await snapshot.migrations()
        await ledger.insert(plain_image(), delete_token_hash=None)
        assert await snapshot.blobs(UUID(int=0), 10) == ()


async def test_what_was_saved_by_an_older_release_comes_back_with_its_schema(refilling):
    """The migrations since are applied afterwards, as ever, and lead to the schema of now."""
    before = schema(refilling.address)
    await fill(refilling, [], EVERY[:3])
    applied = await refilling._primary.fetch("SELECT version FROM schema_migrations ORDER BY version")
    assert tuple(row[0] for row in applied) == EVERY[:3]
    dbmate(refilling.address, "up")
    assert schema(refilling.address) == before


async def test_indexes_are_made_and_unmade_in_the_transaction_that_fills_a_database(refilling):
    """Those too that dbmate makes beside others who write, which no transaction can."""
    before = schema(refilling.address)
    await fill(refilling, [], EVERY[: EVERY.index("20261126008102")])
    await fill(refilling, [])
    assert schema(refilling.address) == before


async def test_a_filling_that_fails_leaves_the_database_as_it_was(refilling):
    """Its schema too."""
    before = schema(refilling.address)

    async def interrupted():
        async with refilling.open(EVERY[:3]):
            raise KeyError

    with pytest.raises(KeyError):
        await interrupted()
    assert schema(refilling.address) == before


async def test_nothing_is_filled_under_services_at_work(refilling):
    """Nor a database with tables, or migrations, that are not Chitram's."""
    async with open_primary(patient(refilling.address)):
        with pytest.raises(Refused, match="connections"):
            await refilling.require_alone()
    await refilling._primary.fetch("INSERT INTO schema_migrations (version) VALUES ('99999999999999')")
    with pytest.raises(Refused, match="99999999999999"):
        await refilling.require_empty()
    await refilling._primary.fetch("DROP TABLE schema_migrations")
    with pytest.raises(Refused, match="not Chitram's"):
        await refilling.require_empty()
    assert refilling.unknown(["1", EVERY[0]]) == ["1"]
