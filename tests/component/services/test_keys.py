"""API keys: made, used within their scopes, revoked."""

import httpx
import pytest

from services.write.main import open_app as open_write
from tests.component.services.looking import IMAGES, rows
from tests.component.services.people import AUTH, KEYS, PASSWORD, bearer, key, person
from tests.pictures import jpeg


def code(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a problem."""
    return answer.status_code, answer.json()["code"]


async def test_a_key_is_shown_once_and_stored_as_a_hash(write, database):
    """The answer names what it may do, and until when."""
    ann = await person(write)
    body = {"name": "back\r\nup", "scopes": ["images:write", "images:read", "images:read"], "expires_in": 3600}
    answer = await write.post(KEYS, json=body, headers=ann.headers)
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    made = answer.json()
    assert made["key"].startswith("chk_")
    assert (made["name"], made["scopes"]) == ("backup", ["images:read", "images:write"])
    assert made["expires_at"] > made["created_at"]
    (row,) = await rows(database, "SELECT * FROM credentials WHERE kind = 'key'")
    assert made["key"] not in str(dict(row))


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "\r\n"},
        {"name": "x" * 101},
        {"scopes": []},
        {"scopes": ["images:delete"]},
        {"expires_in": 0},
        {"expires_in": -1},
        {"expires_in": 10**12},
        {"expires_in": "soon"},
        {"expires_in": 1.5},
    ],
)
async def test_a_key_that_makes_no_sense_is_refused(write, change):
    """With a sentence, and none is made."""
    ann = await person(write)
    body = {"name": "k", "scopes": ["images:read"]} | change
    assert code(await write.post(KEYS, json=body, headers=ann.headers)) == (422, "INVALID_REQUEST")


async def test_a_key_does_what_its_scopes_say(write):
    """One that may only read uploads nothing; one that may write uploads in its owner's name."""
    ann = await person(write)
    files = {"file": ("a.jpg", jpeg(8, 8))}
    reader, writer = await key(write, ann, "images:read"), await key(write, ann, "images:write")
    assert code(await write.post(f"{IMAGES}/upload", files=files, headers=bearer(reader))) == (403, "FORBIDDEN")
    answer = await write.post(f"{IMAGES}/upload", files=files, headers=bearer(writer))
    assert answer.json()["owner_id"] == ann.id
    assert "delete_token" not in answer.json()
    address = f"{IMAGES}/{answer.json()['id']}"
    for refused in (
        await write.patch(address, json={"description": "x"}, headers=bearer(reader)),
        await write.delete(address, headers=bearer(reader)),
    ):
        assert code(refused) == (403, "FORBIDDEN")


async def test_a_key_manages_no_accounts(write):
    """A key that leaks can't make others, change the password or log its owner out."""
    ann = await person(write)
    all_but_admin = bearer(await key(write, ann, "images:read", "images:write"))
    body = {"current_password": PASSWORD, "new_password": "eight wet horses"}
    for answer in (
        await write.post(KEYS, json={"name": "k", "scopes": ["images:read"]}, headers=all_but_admin),
        await write.delete(f"{KEYS}/{ann.id}", headers=all_but_admin),
        await write.post(f"{AUTH}/logout", headers=all_but_admin),
        await write.post(f"{AUTH}/password", json=body, headers=all_but_admin),
    ):
        assert code(answer) == (403, "FORBIDDEN")


async def test_a_key_is_revoked_by_its_owner_alone(write):
    """For anybody else it isn't there."""
    ann, bob = await person(write), await person(write, "bob@example.com")
    answer = await write.post(KEYS, json={"name": "k", "scopes": ["images:write"]}, headers=ann.headers)
    address, secret = f"{KEYS}/{answer.json()['id']}", bearer(answer.json()["key"])
    assert code(await write.delete(address)) == (401, "UNAUTHORIZED")
    for where in (address, f"{KEYS}/{bob.id}", f"{KEYS}/x"):
        assert code(await write.delete(where, headers=bob.headers)) == (404, "NOT_FOUND")
    assert (await write.delete(address, headers=ann.headers)).status_code == 204
    files = {"file": ("a.jpg", jpeg(8, 8))}
    assert code(await write.post(f"{IMAGES}/upload", files=files, headers=secret)) == (401, "UNAUTHORIZED")
    assert code(await write.delete(address, headers=ann.headers)) == (404, "NOT_FOUND")


async def test_only_an_admin_makes_a_key_for_admins_and_it_is_as_good_as_he_is(write, database):
    """Its scope counts while its owner is one."""
    ann, bob = await person(write), await person(write, "bob@example.com")
    body = {"name": "ops", "scopes": ["admin"]}
    assert code(await write.post(KEYS, json=body, headers=ann.headers)) == (403, "FORBIDDEN")
    files = {"file": ("a.jpg", jpeg(8, 8))}
    image = (await write.post(f"{IMAGES}/upload", files=files, headers=bob.headers)).json()
    await rows(database, "UPDATE users SET is_admin = true WHERE email = $1", ann.email)
    ops = bearer(await key(write, ann, "admin"))
    address = f"{IMAGES}/{image['id']}"
    assert (await write.patch(address, json={"description": "x"}, headers=ops)).status_code == 200
    await rows(database, "UPDATE users SET is_admin = false")
    assert code(await write.patch(address, json={"description": "y"}, headers=ops)) == (403, "FORBIDDEN")


async def test_an_account_has_a_hundred_keys_at_most(write, database):
    """The next one has to wait until one is deleted."""
    ann = await person(write)
    await rows(
        database,
        "INSERT INTO credentials (id, version, token_hash, kind, user_id, scopes, name, created_at)"
        " SELECT gen_random_uuid(), 1, sha256(n::text::bytea), 'key', users.id, '{images:read}', 'k', now()"
        " FROM users, generate_series(1, 100) AS n",
    )
    body = {"name": "k", "scopes": ["images:read"]}
    assert code(await write.post(KEYS, json=body, headers=ann.headers)) == (422, "INVALID_REQUEST")


async def test_anonymous_uploads_can_be_turned_off(serve):
    """Then an account is needed, which is said before the body is read."""
    write = await serve(open_write, CHITRAM_ANONYMOUS_UPLOADS="false")
    files = {"file": ("a.jpg", jpeg(8, 8))}
    assert code(await write.post(f"{IMAGES}/upload", files=files)) == (401, "UNAUTHORIZED")
    assert code(await write.post(f"{IMAGES}/upload", content=b"")) == (401, "UNAUTHORIZED")
    ann = await person(write)
    assert (await write.post(f"{IMAGES}/upload", files=files, headers=ann.headers)).status_code == 201
