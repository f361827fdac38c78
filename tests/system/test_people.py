"""People and what is theirs, through nginx and its cache, and past every read service."""

import json
import secrets
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from tests.eventually import eventually
from tests.pictures import jpeg
from tests.system.clients import Client
from tests.system.stack import Stack

API = "/api/v1"
PASSWORD = "seven wet horses"
TOKEN = "x-consistency-token"


def log_in(api: httpx.Client, email: str) -> dict[str, str]:
    """The header of a new session."""
    answer = api.post(f"{API}/auth/login", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


@pytest.fixture
def people(api) -> tuple[dict[str, str], dict[str, str]]:
    """Two people who have logged in."""
    emails = [f"{secrets.token_hex(8)}@example.com" for _ in range(2)]
    for email in emails:
        assert api.post(f"{API}/auth/register", json={"email": email, "password": PASSWORD}).status_code == 201
    return log_in(api, emails[0]), log_in(api, emails[1])


def upload(api: httpx.Client, headers: dict[str, str], data: bytes, visibility: str = "private") -> tuple[str, dict]:
    """Path of a new image, and what its owner sends to find it at once."""
    files = {"file": ("a.jpg", data)}
    answer = api.post(f"{API}/images/upload", files=files, data={"visibility": visibility}, headers=headers)
    assert answer.status_code == 201, answer.text
    return f"{API}/images/{answer.json()['id']}", headers | {TOKEN: answer.headers[TOKEN]}


@pytest.fixture
def readers(stack: Stack) -> Iterator[list[httpx.Client]]:
    """A client of each read service."""
    ports = [process["port"] for process in stack.status()["processes"] if process["name"].startswith("read-")]
    with ExitStack() as opened:
        yield [opened.enter_context(Client(f"http://127.0.0.1:{port}")) for port in ports]


async def test_private_bytes_in_nginxs_cache_are_for_who_may_see_them(api, people):
    """The owner's download leaves them there; a stranger, with and without an account, gets a 404 all the same."""
    ann, bob = people
    data = jpeg(400, 300)
    path, hers = upload(api, ann, data)

    def rendered() -> None:
        assert api.get(path, headers=hers).json()["status"] == "ready"

    await eventually(rendered)
    for below, method in (("/file", "GET"), ("/file", "HEAD"), ("/thumbnails/small", "GET"), ("/thumbnail", "GET")):
        for _ in range(2):
            seen = api.request(method, path + below, headers=ann)
            assert seen.status_code == 200
            assert seen.headers["cache-control"] == "private, no-store"
            assert method == "HEAD" or below != "/file" or seen.content == data
            for headers in ({}, bob, bob | {"Range": "bytes=0-9"}, {"If-None-Match": seen.headers["etag"]}):
                answer = api.request(method, path + below, headers=headers)
                assert answer.status_code == 404
                assert answer.headers["cache-control"] == "no-store"
    part = api.get(path + "/file", headers=ann | {"Range": "bytes=0-9"})
    assert (part.status_code, part.content) == (206, data[:10])


def test_a_public_image_that_becomes_private_is_gone_for_strangers(api, people, readers):
    """After the 200 no read service and no cache of nginx gives it to anybody but its owner."""
    ann, bob = people
    path, hers = upload(api, ann, jpeg(64, 48), "public")
    for _ in range(6):
        assert api.get(path + "/file", headers=hers).status_code == 200
    for reader in readers:
        assert reader.get(path, headers=hers).status_code == 200
    assert api.patch(path, json={"visibility": "private"}, headers=ann).status_code == 200
    for reader in readers:
        for below in ("", "/file", "/thumbnail"):
            assert reader.get(path + below).status_code == 404
            assert reader.get(path + below, headers=bob).status_code == 404
            assert reader.get(path + below, headers=ann).status_code == 200
    for _ in range(6):
        assert api.get(path + "/file").status_code == 404
    assert path.rpartition("/")[2] not in {item["id"] for item in api.get(f"{API}/images").json()["items"]}


def test_absent_deleted_and_forbidden_look_the_same(api, people):
    """Status, headers and document, for strangers with and without an account, wherever an image can be asked for."""
    ann, bob = people
    forbidden, hers = upload(api, ann, jpeg(64, 48))
    deleted, _ = upload(api, ann, jpeg(64, 48), "public")
    assert api.delete(deleted, params={"permanent": "true"}, headers=ann).status_code == 204
    absent = forbidden[:-4] + ("0000" if forbidden[-4:] != "0000" else "1111")
    assert api.get(forbidden, headers=hers).status_code == 200

    def seen(method: str, path: str, headers: dict[str, str]) -> tuple:
        answer = api.request(method, path, headers=headers)
        document = answer.json() if method != "HEAD" else {}
        for own in ("date", "x-request-id"):
            del answer.headers[own]
        return answer.status_code, dict(answer.headers), document | {"request_id": ""}

    for headers in ({}, bob):
        for method, below in (("GET", ""), ("HEAD", ""), ("GET", "/file"), ("GET", "/thumbnail"), ("DELETE", "")):
            looks = [seen(method, path + below, headers) for path in (absent, deleted, forbidden)]
            assert looks[0][0] == 404
            assert looks[0] == looks[1] == looks[2], (method, below, headers)


def test_a_signed_link_is_replayed_in_vain_once_it_is_revoked(api, people, readers):
    """It opens exactly what it says, until then; tricks with its spelling open nothing."""
    ann, _ = people
    data = jpeg(64, 48)
    path, _ = upload(api, ann, data)
    url = api.post(f"{path}/links", json={"expires_in": 600}, headers=ann).json()["url"]
    assert api.get(url).content == data
    assert api.get(url).headers["cache-control"] == "private, no-store"
    for trick in (
        url + "&expires=9999999999",
        url.replace("/file", "%2Ffile"),
        url.replace("/images/", "/images//"),
        url.replace("signature=v1.", "signature=v1%2E"),
        url.replace("/file", ""),
        url[:-4],
    ):
        assert api.get(trick).status_code == 404, trick
    assert api.delete(f"{path}/links", headers=ann).status_code == 204
    assert api.get(url).status_code == 404
    for reader in readers:
        assert reader.get(url).status_code == 404


def test_a_login_holds_at_once_and_a_logout_too(api, people, readers):
    """On each read service, as soon as the answer is there."""
    ann, _ = people
    for reader in readers:
        assert reader.get(f"{API}/auth/me", headers=ann).status_code == 200
    assert api.post(f"{API}/auth/logout", headers=ann).status_code == 204
    for reader in readers:
        answer = reader.get(f"{API}/auth/me", headers=ann)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_the_operator_makes_an_admin_who_sees_and_deletes_what_is_others(api, people, stack):
    """And the audit log tells it all."""
    ann, _ = people
    email = f"{secrets.token_hex(8)}@example.com"
    said = stack.chitram("users", "create", "--admin", "--generate", email)
    password = said.rpartition("Password: ")[2].strip()
    token = api.post(f"{API}/auth/login", json={"email": email, "password": password}).json()["access_token"]
    root = {"Authorization": f"Bearer {token}"}
    path, hers = upload(api, ann, jpeg(64, 48))
    assert api.get(path, headers=root | {TOKEN: hers[TOKEN]}).status_code == 200
    assert api.delete(path, headers=root).status_code == 204
    assert api.get(path, headers=ann).status_code == 404
    image = path.rpartition("/")[2]
    entries = [json.loads(line) for line in stack.chitram("audit", "--json", "--image", image).splitlines()]
    assert [entry["action"] for entry in entries] == ["image.deleted", "image.uploaded"]
    assert entries[0]["address"] == "127.0.0.1"
