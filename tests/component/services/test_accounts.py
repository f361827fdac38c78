"""Accounts and sessions, as the write service makes, changes and ends them."""

import asyncio

import bcrypt
import httpx
import pytest

from services.write.main import open_app as open_write
from tests.component.services.looking import IMAGES, rows
from tests.component.services.people import AUTH, KEYS, PASSWORD, bearer, key, log_in, person, register, session
from tests.pictures import jpeg

KEY = {"name": "backup", "scopes": ["images:read"]}


def code(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a problem."""
    return answer.status_code, answer.json()["code"]


async def test_registering_answers_with_the_account_and_no_secret(write, database):
    """The password is kept as an Argon2id hash, and nothing that answers shows it."""
    answer = await register(write, "Ann@Example.com")
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    assert set(answer.json()) == {"id", "email", "is_admin", "created_at"}
    assert answer.json()["email"] == "Ann@example.com"
    assert answer.json()["is_admin"] is False
    (row,) = await rows(database, "SELECT password_hash FROM users")
    assert row["password_hash"].startswith("$argon2id$")


async def test_an_address_is_taken_whatever_its_case(write):
    """The second account is refused, also when both are made at once."""
    first, second = await asyncio.gather(register(write, "ann@example.com"), register(write, "ANN@EXAMPLE.COM"))
    assert {first.status_code, second.status_code} == {201, 409}
    assert code(await register(write, "Ann@Example.Com")) == (409, "EMAIL_EXISTS")


@pytest.mark.parametrize(
    "email", ["", "ann", "ann@", "@example.com", "a@b", f"{'a' * 300}@example.com", "ann@example.com\r\nX: y", "\0"]
)
async def test_what_is_no_address_is_refused(write, email):
    """With a sentence, and nothing is stored."""
    assert code(await register(write, email)) == (422, "INVALID_REQUEST")


@pytest.mark.parametrize(
    "password", ["", "short", "x" * 1025, "x" * 10_000, "password123", "1234567890", "ann@example.com", "aaaaaaaaaaaa"]
)
async def test_a_password_that_would_be_guessed_is_refused(write, password):
    """Too short, too long, among the most used, or the address itself."""
    assert code(await register(write, "ann@example.com", password)) == (422, "INVALID_REQUEST")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[" * 50_000, 422),
        (b'{"email":' * 5_000, 422),
        (b'{"x":' + b"[" * 50_000, 422),
        (b'{"email": "\xff"}', 400),
        (b'{"email": "\\ud800", "password": "\\udfff"}', 400),
        (b'"x"', 422),
        (b"{}", 422),
        (b'{"email": 1, "password": "seven wet horses"}', 422),
        (b'{"email": "a@example.com", "password": "seven wet horses", "admin": true}', 422),
        (b" " * (10 << 20), 413),
    ],
    ids=lambda value: repr(value)[:60],  # the whole of it would not fit into the environment of a process
)
async def test_a_body_that_is_no_account_is_refused(write, body, status):
    """However deep, long or strange it is."""
    for path in ("register", "login"):
        answer = await write.post(f"{AUTH}/{path}", content=body)
        assert answer.status_code == status, answer.text


async def test_logging_in_gives_a_token_that_is_stored_as_a_hash_only(write, database):
    """It is told by its prefix, has an end, and works at once."""
    await register(write, "ann@example.com")
    answer = await log_in(write, "ANN@example.com")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    found = answer.json()
    assert found["access_token"].startswith("chs_")
    assert found["token_type"] == "bearer"
    assert found["user"]["email"] == "ann@example.com"
    (row,) = await rows(database, "SELECT token_hash, expires_at FROM credentials")
    assert found["access_token"].encode() not in row["token_hash"]
    assert (await write.post(KEYS, json=KEY, headers=bearer(found["access_token"]))).status_code == 201


async def test_an_unknown_address_and_a_wrong_password_look_the_same(write):
    """Nobody learns from a login who has an account here."""
    await register(write, "ann@example.com")
    wrong = await log_in(write, "ann@example.com", "seven dry horses")
    unknown = await log_in(write, "bob@example.com", "seven dry horses")
    odd = await log_in(write, "no address at all", "x" * 10_000)
    bodies = [answer.json() for answer in (wrong, unknown, odd)]
    for body in bodies:
        del body["request_id"]
    assert bodies[0] == bodies[1] == bodies[2]
    assert code(wrong) == (401, "INVALID_CREDENTIALS")
    assert wrong.headers["www-authenticate"] == "Bearer"


async def test_attempts_at_an_account_are_limited_and_a_right_one_clears_them(serve):
    """The eleventh wrong password in a row has to wait, known or unknown address, and so has the right one."""
    write = await serve(open_write, CHITRAM_LOGINS="3")
    await register(write, "ann@example.com")
    for _ in range(2):
        for _ in range(2):
            assert (await log_in(write, "ann@example.com", "seven dry horses")).status_code == 401
        assert (await log_in(write, "ann@example.com")).status_code == 200
    for email in ("ann@example.com", "bob@example.com"):
        for _ in range(3):
            assert (await log_in(write, email, "seven dry horses")).status_code == 401
        refused = await log_in(write, email)
        assert code(refused) == (429, "RATE_LIMIT_EXCEEDED")
        assert 1 <= int(refused.headers["retry-after"]) <= 100


async def test_attempts_from_a_network_are_limited_whatever_a_client_claims(serve):
    """One caller can't try many accounts, nor make many; the gateway's word on the address is the last one."""
    write = await serve(open_write, CHITRAM_NETWORK_LOGINS="2", CHITRAM_REGISTRATIONS="1")
    lies = [{"X-Forwarded-For": f"10.0.0.{n}, 192.0.2.1"} for n in range(3)]
    bodies = [{"email": f"a{n}@example.com", "password": PASSWORD} for n in range(3)]
    logins = [await write.post(f"{AUTH}/login", json=bodies[n], headers=lies[n]) for n in range(3)]
    assert [answer.status_code for answer in logins] == [401, 401, 429]
    made = [await write.post(f"{AUTH}/register", json=bodies[n], headers=lies[n]) for n in range(2)]
    assert [answer.status_code for answer in made] == [201, 429]
    other = await write.post(f"{AUTH}/login", json=bodies[0], headers={"X-Forwarded-For": "192.0.2.2"})
    assert other.status_code == 200


async def test_logging_out_ends_this_session_and_no_other(write):
    """The token is refused from then on, for logging out again too."""
    ann = await person(write)
    other = await session(write, ann.email)
    assert (await write.post(f"{AUTH}/logout", headers=ann.headers)).status_code == 204
    assert code(await write.post(f"{AUTH}/logout", headers=ann.headers)) == (401, "UNAUTHORIZED")
    assert (await write.post(KEYS, json=KEY, headers=other.headers)).status_code == 201


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer x",
        "Basic YW5uOnB3",
        "Bearer chs_" + "A" * 43,
        "Bearer chs_" + "A" * 42,
        "Bearer chs_" + "A" * 44,
        "Bearer chx_" + "A" * 43,
        "Bearer chs_" + "é" * 43,
        "bearer  chs_" + "A" * 43,
    ],
)
async def test_what_is_no_token_of_ours_is_refused_everywhere(write, header):
    """Also where none would be needed: whoever sends one means to be somebody."""
    headers = {"Authorization": header.encode()}
    for answer in (
        await write.post(f"{AUTH}/logout", headers=headers),
        await write.post(KEYS, json=KEY, headers=headers),
        await write.post(f"{IMAGES}/upload", files={"file": ("a.jpg", jpeg(8, 8))}, headers=headers),
    ):
        assert code(answer) == (401, "UNAUTHORIZED")
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_token_is_refused_when_a_letter_of_it_is_missing_or_it_comes_twice(write):
    """The whole token counts, and one of them."""
    ann = await person(write)
    for token in (ann.token[:-1], ann.token + "A", ann.token.swapcase()):
        assert code(await write.post(KEYS, json=KEY, headers=bearer(token))) == (401, "UNAUTHORIZED")
    twice = [("Authorization", f"Bearer {ann.token}")] * 2
    assert code(await write.post(KEYS, json=KEY, headers=twice)) == (401, "UNAUTHORIZED")


async def test_a_login_is_possible_with_a_token_that_holds_no_more(write):
    """A client that sends its old token everywhere can still get a new one."""
    await register(write, "ann@example.com")
    body = {"email": "ann@example.com", "password": PASSWORD}
    assert (await write.post(f"{AUTH}/login", json=body, headers=bearer("chs_" + "A" * 43))).status_code == 200


async def test_an_expired_session_is_refused(write, database):
    """To the second; the row may still be there."""
    ann = await person(write)
    await rows(database, "UPDATE credentials SET expires_at = now()")
    assert code(await write.post(KEYS, json=KEY, headers=ann.headers)) == (401, "UNAUTHORIZED")


async def test_a_new_password_needs_the_old_one_and_ends_the_other_sessions(write):
    """The session that changed it stays, and so do API keys."""
    ann = await person(write)
    other = await session(write, ann.email)
    backup = await key(write, ann, "images:write")
    body = {"current_password": "seven dry horses", "new_password": "eight wet horses"}
    assert code(await write.post(f"{AUTH}/password", json=body, headers=ann.headers)) == (401, "INVALID_CREDENTIALS")
    body["current_password"] = PASSWORD
    weak = body | {"new_password": "password123"}
    assert code(await write.post(f"{AUTH}/password", json=weak, headers=ann.headers)) == (422, "INVALID_REQUEST")
    assert (await write.post(f"{AUTH}/password", json=body, headers=ann.headers)).status_code == 204

    assert code(await write.post(KEYS, json=KEY, headers=other.headers)) == (401, "UNAUTHORIZED")
    assert (await write.post(KEYS, json=KEY, headers=ann.headers)).status_code == 201
    files = {"file": ("a.jpg", jpeg(8, 8))}
    assert (await write.post(f"{IMAGES}/upload", files=files, headers=bearer(backup))).status_code == 201
    assert (await log_in(write, ann.email)).status_code == 401
    assert (await log_in(write, ann.email, "eight wet horses")).status_code == 200


async def test_a_hash_that_came_from_elsewhere_is_replaced_at_the_next_login(write, database):
    """Bcrypt and cheaper Argon2 hashes are verified once more and then kept as ours."""
    ann = await person(write)
    hashed = bcrypt.hashpw(b"of old", bcrypt.gensalt(4)).decode()
    await rows(database, "UPDATE users SET password_hash = $1", hashed)
    assert (await log_in(write, ann.email)).status_code == 401
    assert (await log_in(write, ann.email, "of old")).status_code == 200
    (row,) = await rows(database, "SELECT password_hash FROM users")
    assert row["password_hash"].startswith("$argon2id$")
    assert (await log_in(write, ann.email, "of old")).status_code == 200


async def test_of_many_sessions_the_oldest_ends(write, database):
    """An account has fifty at most."""
    ann = await person(write)
    await rows(
        database,
        "INSERT INTO credentials (id, version, token_hash, kind, user_id, scopes, created_at)"
        " SELECT gen_random_uuid(), 1, sha256(n::text::bytea), 'session', users.id, '{images:read}',"
        " now() + n * interval '1 second' FROM users, generate_series(1, 49) AS n",
    )
    await session(write, ann.email)
    assert code(await write.post(KEYS, json=KEY, headers=ann.headers)) == (401, "UNAUTHORIZED")


async def test_what_is_done_to_an_account_stands_in_the_audit_log(write, database):
    """Who, from where, what, and in which request; never a secret."""
    ann = await person(write)
    answer = await write.post(KEYS, json=KEY, headers=ann.headers | {"X-Forwarded-For": "192.0.2.7"})
    await write.delete(f"{KEYS}/{answer.json()['id']}", headers=ann.headers)
    await write.post(f"{AUTH}/logout", headers=ann.headers)
    entries = await rows(database, "SELECT * FROM audit ORDER BY recorded_at")
    assert [entry["action"] for entry in entries] == [
        "account.created",
        "session.created",
        "key.created",
        "key.revoked",
        "session.revoked",
    ]
    assert {str(entry["user_id"]) for entry in entries} == {ann.id}
    assert [entry["actor"] for entry in entries] == ["anonymous", *[f"user:{ann.id}"] * 4]
    made = entries[2]
    assert (made["address"], made["request_id"]) == ("192.0.2.7", answer.headers["x-request-id"])
    text = str([dict(entry) for entry in entries])
    assert all(secret not in text for secret in (PASSWORD, ann.token, answer.json()["key"]))
