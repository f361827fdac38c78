"""Accounts are deleted with all that belongs to them, and there is a receipt."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest

from infrastructure.postgres.audit import AuditLog
from infrastructure.postgres.credentials import Credentials
from infrastructure.postgres.departures import Departures
from infrastructure.postgres.primary import open_primary
from services.worker.tidy_people import FORGET_AFTER, tidy_people
from services.write import delete_account
from tests.component.postgres.steps import patient
from tests.component.services.looking import IMAGES, rows
from tests.component.services.people import AUTH, KEYS, PASSWORD, bearer, key, log_in, person, register
from tests.pictures import jpeg


async def upload(write: httpx.AsyncClient, headers: dict[str, str] | None = None) -> str:
    """Id of a new image."""
    answer = await write.post(f"{IMAGES}/upload", files={"file": ("a.jpg", jpeg(8, 8))}, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def leave(write: httpx.AsyncClient, headers: dict[str, str], password: str = PASSWORD) -> httpx.Response:
    """Asks for the end of an account."""
    return await write.request("DELETE", f"{AUTH}/me", json={"password": password}, headers=headers)


async def test_images_sessions_and_keys_go_with_the_account(write, database):
    """The receipt counts them; what is others' stays, and the address is free again."""
    ann, bob = await person(write), await person(write, "bob@example.com")
    backup = bearer(await key(write, ann, "images:write"))
    hers = [await upload(write, ann.headers) for _ in range(3)]
    others = [await upload(write, bob.headers), await upload(write)]
    receipt = (await leave(write, ann.headers)).json()
    assert (receipt["user_id"], receipt["images"], receipt["images_pending"]) == (ann.id, 3, 0)

    live = await rows(database, "SELECT id::text FROM images WHERE deleted_at IS NULL")
    assert {row["id"] for row in live} == set(others)
    gone = await rows(database, "SELECT subject_id::text FROM outbox WHERE type = 'image.deleted.v1'")
    assert sorted(row["subject_id"] for row in gone) == sorted(hers)
    for headers in (ann.headers, backup):
        assert (await write.post(KEYS, json={}, headers=headers)).status_code == 401
    assert (await log_in(write, ann.email)).status_code == 401
    assert (await register(write, ann.email)).status_code == 201
    entries = await rows(database, "SELECT action, actor, user_id::text FROM audit WHERE id = $1", receipt["id"])
    assert [tuple(entry) for entry in entries] == [("account.deleted", f"user:{ann.id}", ann.id)]


async def test_the_password_is_needed_once_more_and_a_key_is_not_enough(write):
    """A session that was left open, or a key that leaked, takes no account away."""
    ann = await person(write)
    backup = bearer(await key(write, ann, "images:write"))
    assert (await leave(write, ann.headers, "seven dry horses")).status_code == 401
    assert (await leave(write, ann.headers, "x" * 2000)).status_code == 401
    assert (await leave(write, backup)).status_code == 403
    assert (await leave(write, {})).status_code == 401
    assert (await write.request("DELETE", f"{AUTH}/me", headers=ann.headers)).status_code == 400
    assert (await log_in(write, ann.email)).status_code == 200


async def test_what_is_left_the_worker_finishes(write, database, monkeypatch):
    """Images that took too long, and those whose upload ended after the account, go too; then its row."""
    monkeypatch.setattr(delete_account, "PATIENCE", 0.0)
    ann = await person(write)
    await upload(write, ann.headers)
    receipt = (await leave(write, ann.headers)).json()
    assert (receipt["images"], receipt["images_pending"]) == (0, 1)

    async def live() -> int:
        return len(await rows(database, "SELECT 1 FROM images WHERE deleted_at IS NULL"))

    async with open_primary(patient(database.primary)) as primary:
        now = datetime.now(UTC)
        departures = Departures(primary, clock=lambda: now, new_id=uuid4)
        credentials = Credentials(primary, clock=lambda: now, new_id=uuid4)

        async def tidy() -> None:
            await tidy_people(
                timedelta(days=365),
                departures=departures,
                credentials=credentials,
                audit=AuditLog(primary),
                clock=lambda: now,
            )

        await tidy()
        assert await live() == 0
        assert len(await rows(database, "SELECT 1 FROM users")) == 1
        late = await upload(write)
        await rows(database, "UPDATE images SET owner_id = $1 WHERE id = $2", UUID(ann.id), UUID(late))
        now += FORGET_AFTER + timedelta(minutes=1)
        await tidy()
        assert await live() == 0
        assert await rows(database, "SELECT 1 FROM users") == []


async def test_old_entries_and_expired_credentials_are_dropped(write, database):
    """By time, and nothing else: the log can't be rewritten, not even by those who write it."""
    ann = await person(write)
    await rows(database, "UPDATE credentials SET expires_at = now() - interval '1 second'")
    for statement in ("UPDATE audit SET actor = 'nobody'", "DELETE FROM audit", "TRUNCATE audit"):
        with pytest.raises(Exception, match="append-only"):
            await rows(database, statement)
    await rows(
        database,
        "INSERT INTO audit (id, recorded_at, actor, action, details)"
        " SELECT gen_random_uuid(), now() - n * interval '1 day', 'system', 'x', '{}' FROM generate_series(1, 9) AS n",
    )
    async with open_primary(patient(database.primary)) as primary:
        credentials = Credentials(primary, clock=lambda: datetime.now(UTC), new_id=uuid4)
        assert await credentials.prune(datetime.now(UTC)) == 1
        assert await AuditLog(primary).prune(datetime.now(UTC) - timedelta(days=4.5)) == 5
    assert len(await rows(database, "SELECT 1 FROM audit WHERE actor = 'system'")) == 4
    assert len(await rows(database, "SELECT 1 FROM audit WHERE user_id = $1", UUID(ann.id))) == 2
