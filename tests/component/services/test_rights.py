"""Who may change, hide, share and delete an image, as the write service judges it."""

import json

import httpx

from tests.component.services.looking import IMAGES, rows
from tests.component.services.people import bearer, key, person, session
from tests.pictures import jpeg


def problem(answer: httpx.Response) -> dict:
    """A problem without what differs each time."""
    found = answer.json()
    del found["request_id"]
    return found


async def upload(write: httpx.AsyncClient, headers: dict[str, str] | None = None, **fields: str) -> dict:
    """A new image's view."""
    answer = await write.post(f"{IMAGES}/upload", files={"file": ("a.jpg", jpeg(8, 8))}, data=fields, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_private_image_has_an_owner(write):
    """Nobody could see one without; an image can't become one either."""
    ann = await person(write)
    assert (await upload(write, ann.headers, visibility="private"))["visibility"] == "private"
    files = {"file": ("a.jpg", jpeg(8, 8))}
    refused = await write.post(f"{IMAGES}/upload", files=files, data={"visibility": "private"})
    assert problem(refused)["details"] == {"field": "visibility"}
    image = await upload(write)
    token = {"X-Delete-Token": image["delete_token"]}
    address = f"{IMAGES}/{image['id']}"
    assert (await write.patch(address, json={"visibility": "private"}, headers=token)).status_code == 422
    assert (await write.patch(address, json={"visibility": "unlisted"}, headers=token)).status_code == 200
    for visibility in ("secret", "", None, 1):
        assert (await write.patch(address, json={"visibility": visibility}, headers=token)).status_code == 422


async def test_what_is_somebody_elses_looks_absent(write):
    """The same document for every change, key and foreign account, and for an id that nobody has."""
    ann, bob = await person(write), await person(write, "bob@example.com")
    reader = bearer(await key(write, bob, "images:read"))
    image = (await upload(write, ann.headers))["id"]
    nobody = image[:-4] + ("0000" if image[-4:] != "0000" else "1111")
    for method, below, body in (
        ("PATCH", "", {"description": "x"}),
        ("DELETE", "", None),
        ("POST", "/links", {}),
        ("DELETE", "/links", None),
    ):
        content = None if body is None else json.dumps(body)

        async def ask(image_id, headers, method=method, below=below, content=content):
            return await write.request(method, f"{IMAGES}/{image_id}{below}", content=content, headers=headers)

        foreign, absent = await ask(image, bob.headers), await ask(nobody, bob.headers)
        assert foreign.status_code == 404
        assert problem(foreign) == problem(absent)
        assert problem(await ask(image, {})) == problem(absent)
        assert problem(await ask(image, reader)) == problem(await ask(nobody, reader))


async def test_an_admin_changes_and_deletes_what_is_anybodys(write, database):
    """Also what was uploaded anonymously, without its token; an ordinary session of his would not do."""
    ann, root = await person(write), await person(write, "root@example.com")
    images = [await upload(write, ann.headers), await upload(write)]
    await rows(database, "UPDATE users SET is_admin = true WHERE email = $1", root.email)
    headers = (await session(write, root.email)).headers
    for image in images:
        address = f"{IMAGES}/{image['id']}"
        assert (await write.patch(address, json={"description": "x"}, headers=headers)).status_code == 200
        assert (await write.delete(address, headers=headers)).status_code == 204


async def test_a_link_is_made_by_who_may_change_the_image(write):
    """It names what it opens and until when; nonsense is refused."""
    ann = await person(write)
    image = (await upload(write, ann.headers, visibility="private"))["id"]
    address = f"{IMAGES}/{image}/links"
    made = await write.post(address, json={"expires_in": 60.0, "part": "small"}, headers=ann.headers)
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    assert made.json()["url"].startswith(f"{IMAGES}/{image}/thumbnails/small?expires=")
    for body in (
        {"expires_in": 0},
        {"expires_in": 10**9},
        {"part": "../x"},
        {"x": 1},
        {"expires_in": "x"},
        {"expires_in": 1.5},
    ):
        assert (await write.post(address, json=body, headers=ann.headers)).status_code == 422
    assert (await write.post(address, content=b"", headers=ann.headers)).status_code == 400
    assert (await write.post(f"{IMAGES}/x/links", json={}, headers=ann.headers)).status_code == 404


async def test_revoking_links_and_hiding_an_image_move_its_epoch(write, database):
    """Showing it again does not move it back."""
    ann = await person(write)
    address = f"{IMAGES}/{(await upload(write, ann.headers))['id']}"

    async def epoch() -> int:
        return (await rows(database, "SELECT link_epoch FROM images"))[0][0]

    assert await epoch() == 0
    assert (await write.delete(f"{address}/links", headers=ann.headers)).status_code == 204
    assert await epoch() == 1
    for visibility, expected in (("private", 2), ("private", 2), ("public", 2), ("private", 3), ("unlisted", 3)):
        answer = await write.patch(address, json={"visibility": visibility}, headers=ann.headers)
        assert answer.status_code == 200
        assert await epoch() == expected


async def test_what_is_done_to_an_image_stands_in_the_audit_log(write, database):
    """By whom and how, in the order in which it happened; the words themselves are not kept."""
    ann = await person(write)
    image = (await upload(write, ann.headers))["id"]
    address = f"{IMAGES}/{image}"
    await write.patch(address, json={"description": "a secret", "visibility": "private"}, headers=ann.headers)
    await write.post(f"{address}/links", json={}, headers=ann.headers)
    await write.delete(f"{address}/links", headers=ann.headers)
    await write.delete(address, headers=ann.headers)
    await write.delete(address, headers=ann.headers)
    entries = await rows(database, "SELECT * FROM audit WHERE image_id IS NOT NULL ORDER BY recorded_at")
    assert [entry["action"] for entry in entries] == [
        "image.uploaded",
        "image.changed",
        "image.link_made",
        "image.links_revoked",
        "image.trashed",
    ]
    assert {str(entry["image_id"]) for entry in entries} == {image}
    assert {entry["actor"] for entry in entries} == {f"user:{ann.id}"}
    changed = json.loads(entries[1]["details"])
    assert changed["visibility"] == "public -> private"
    assert set(changed["fields"]) == {"description", "visibility", "link_epoch"}
    assert "secret" not in str([dict(entry) for entry in entries])
