"""People and pictures of the original Chitram come along, and what doesn't is named."""

import asyncio
import hashlib
import json
from uuid import uuid4

import asyncpg
import bcrypt
import pytest

from services.cli.main import main
from services.write.main import open_app as open_write
from tests.component.services.looking import IMAGES, objects, rows
from tests.component.services.people import log_in
from tests.pictures import jpeg, png_with_transparency
from tests.servers import sql

SCHEMA = """
CREATE TABLE users (
    id varchar(36) PRIMARY KEY,
    email varchar(255) NOT NULL UNIQUE,
    password_hash varchar(255) NOT NULL,
    is_active boolean NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE TABLE images (
    id varchar(36) PRIMARY KEY,
    filename varchar(255) NOT NULL,
    storage_key varchar(255) NOT NULL UNIQUE,
    content_type varchar(100) NOT NULL,
    file_size integer NOT NULL,
    upload_ip varchar(45) NOT NULL,
    created_at timestamptz NOT NULL,
    width integer,
    height integer,
    user_id varchar(36) REFERENCES users (id),
    delete_token_hash varchar(64)
);
CREATE TABLE tags (id varchar(36) PRIMARY KEY, name varchar(50) NOT NULL UNIQUE);
CREATE TABLE image_tags (image_id varchar(36) REFERENCES images (id), tag_id varchar(36) REFERENCES tags (id));
"""
"""What its migrations make, as far as it is of interest here."""

TOKEN = "a-token-of-long-ago"
PASSWORD = "correct horse battery"


class Old:
    """The original: its database and its directory of files."""

    def __init__(self, address, files):
        self.address = address
        self.files = files

    async def run(self, *statement):
        connection = await asyncpg.connect(self.address)
        try:
            await connection.execute(*statement)
        finally:
            await connection.close()

    async def user(self, email, *, active=True):
        user_id = str(uuid4())
        hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
        await self.run("INSERT INTO users VALUES ($1, $2, $3, $4, '2024-01-01Z')", user_id, email, hashed, active)
        return user_id

    async def image(self, data, *, name="a.jpg", claims="image/jpeg", owner=None, token=TOKEN, image_id=None):
        image_id, key = image_id or str(uuid4()), f"{uuid4()}.jpg"
        if data is not None:
            (self.files / key).write_bytes(data)
        hashed = None if owner else hashlib.sha256(token.encode()).hexdigest()
        await self.run(
            "INSERT INTO images VALUES ($1, $2, $3, $4, 1, '127.0.0.1', '2024-02-01Z', NULL, NULL, $5, $6)",
            *(image_id, name, key, claims, owner, hashed),
        )
        return image_id, self.files / key


@pytest.fixture
async def old(postgres, tmp_path):
    """An original without anything in it."""
    name = f"o_{uuid4().hex[:12]}"
    sql(postgres.primary, f"create database {name} owner chitram;")
    (tmp_path / "uploads").mkdir()
    original = Old(postgres.primary.url(name), tmp_path / "uploads")
    await original.run(SCHEMA)
    yield original
    sql(postgres.primary, f"drop database {name} with (force);")


@pytest.fixture
async def write(serve, unhurried, tmp_path, monkeypatch):
    """The write service; commands find its servers by the same variables, and no stack where they are run."""
    monkeypatch.chdir(tmp_path)
    return await serve(open_write)


@pytest.fixture
def bring(write, old, capsys, monkeypatch):
    """Imports everything; gives the exit status and the report, or what was said instead of one."""

    async def run(*arguments, storage="uploads", plain=False):
        for module in ("bring_users", "bring_images"):
            monkeypatch.setattr(f"services.write.bring.{module}.PAGE", 2)
        monkeypatch.setenv("CHITRAM_IMPORT_DATABASE", old.address.replace("postgresql:", "postgresql+asyncpg:"))
        command = ("import", "chitram", "--storage", storage, *(() if plain else ("--json",)), *arguments)
        status = await asyncio.to_thread(main, command)
        captured = capsys.readouterr()
        return status, captured.out + captured.err if plain or not captured.out else json.loads(captured.out)

    return run


async def test_people_and_pictures_come_along(old, bring, write, database, storage):
    """With their ids, times, owners, tags, passwords and delete tokens; types are those of the bytes, and the same
    bytes are stored once. A second time nothing is left to do, and what was deleted here meanwhile stays so."""
    ann = await old.user("Ann@Example.com")
    same = jpeg()
    owned, _ = await old.image(png_with_transparency(), name="ann.jpg", owner=ann)
    first, _ = await old.image(same)
    second, _ = await old.image(same)
    await old.run(
        f"INSERT INTO tags VALUES ('t', 'beach'); INSERT INTO image_tags VALUES ('{owned}', 't')"  # noqa: S608
    )

    status, report = await bring()
    assert status == 0, report
    assert (report["users"], report["images"], report["retyped"]) == ({"imported": 1}, {"imported": 3}, 1)
    found = {str(row["id"]): row for row in await rows(database, "SELECT * FROM images")}
    assert set(found) == {owned, first, second}
    image = found[owned]
    assert (image["filename"], image["content_type"], image["tags"]) == ("ann.jpg", "image/png", ["beach"])
    assert (str(image["owner_id"]), image["created_at"].isoformat()) == (ann, "2024-02-01T00:00:00+00:00")
    assert found[first]["blob_id"] == found[second]["blob_id"]
    assert len(await rows(database, "SELECT 1 FROM outbox WHERE type = 'image.uploaded.v1'")) == 3

    assert (await log_in(write, "ann@example.com", PASSWORD)).json()["user"]["id"] == ann
    (row,) = await rows(database, "SELECT password_hash, created_at FROM users")
    assert row["password_hash"].startswith("$argon2id$")
    assert row["created_at"].year == 2024
    assert (await log_in(write, "ann@example.com", PASSWORD)).status_code == 200
    wrong = await write.delete(f"{IMAGES}/{first}", headers={"X-Delete-Token": "another"})
    right = await write.delete(f"{IMAGES}/{first}?permanent=true", headers={"X-Delete-Token": TOKEN})
    assert (wrong.status_code, right.status_code) == (403, 204)

    before = await objects(storage)
    status, report = await bring()
    assert (status, report["users"], report["images"]) == (0, {"already there": 1}, {"already there": 3})
    assert await objects(storage) == before


async def test_what_does_not_come_is_named_and_comes_when_it_can(old, bring, write, database):
    """A missing file, a broken one, a too large one, addresses that differ in case alone, an id that is none.

    An account that was switched off keeps its pictures and has no password.
    """
    first, second = sorted([await old.user("bob@example.com"), await old.user("BOB@example.com")])
    off = await old.user("off@example.com", active=False)
    await old.user("no address")
    missing, path = await old.image(None)
    broken, _ = await old.image(b"not a picture")
    large, _ = await old.image(bytes((25 << 20) + 1))
    strange, _ = await old.image(jpeg(), image_id="strange")
    orphan, _ = await old.image(jpeg(), owner=second)
    kept, _ = await old.image(jpeg(), owner=off)

    status, report = await bring()
    assert status == 1
    assert report["users"] == {"imported": 2, "address taken": 1, "unusable": 1}
    assert report["locked"] == 1
    outcomes = {problem["id"]: problem["outcome"] for problem in report["problems"] if problem["kind"] == "image"}
    assert outcomes == {
        missing: "file missing",
        broken: "file refused",
        large: "file refused",
        strange: "unusable",
        orphan: "owner not imported",
    }
    assert [str(row["id"]) for row in await rows(database, "SELECT id FROM images")] == [kept]
    assert [str(row["id"]) for row in await rows(database, "SELECT id FROM users WHERE email_key ~ 'bob'")] == [first]
    assert (await log_in(write, "off@example.com", PASSWORD)).status_code == 401

    status, said = await bring(plain=True)
    assert status == 1
    assert f"image {missing}: file missing: there is no {path.name}" in said
    assert "people: 1 address taken, 2 already there, 1 unusable" in said
    path.write_bytes(jpeg())
    status, report = await bring()
    assert (status, report["images"]["imported"], report["images"]["already there"]) == (1, 1, 1)


async def test_no_picture_stays_behind_for_its_words(old, bring, database):
    """What is too long is cut, and told of; and a name that no file can have holds up nobody."""
    await old.run("ALTER TABLE images ALTER filename TYPE text, ALTER storage_key TYPE text")
    long, _ = await old.image(jpeg(), name="x" * 2000 + ".jpg")
    for number in range(60):
        await old.run(f"INSERT INTO tags VALUES ('{number}', 'tag {number}')")  # noqa: S608
        await old.run(f"INSERT INTO image_tags VALUES ('{long}', '{number}')")  # noqa: S608
    nameless, _ = await old.image(jpeg())
    await old.run("UPDATE images SET storage_key = repeat('ä', 255) WHERE id = $1", nameless)
    status, report = await bring()
    assert (status, report["images"], report["cut"]) == (1, {"imported": 1, "file missing": 1}, 1)
    (row,) = await rows(database, "SELECT filename, tags FROM images")
    assert (row["filename"], len(row["tags"])) == ("x" * 1020 + ".jpg", 50)
    (said,) = (problem["reason"] for problem in report["problems"] if problem["id"] == long)
    assert said == "its name is cut to 1,024 characters, its tags are cut to 50 of 64 characters"


async def test_a_source_that_is_none_is_refused(old, bring, database, monkeypatch):
    """Another's database, one that isn't there, no directory, no place at all: in a sentence."""
    for arguments, storage, sentence in (
        (("--database", database.primary.rpartition("/")[0] + "/postgres"), "uploads", "no table"),
        (("--database", "postgresql://nobody@127.0.0.1:1/x"), "uploads", "can't be opened"),
        (("--database", "nonsense"), "uploads", "can't be opened"),
        ((), "nowhere", "no directory"),
        ((), "ftp://x/y", "Expected a directory"),
    ):
        status, said = await bring(*arguments, storage=storage)
        assert (status, sentence in said) == (1, True), said
