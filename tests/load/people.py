"""What people do with an image host: each class is a kind of them, each task a thing they do between two pauses."""

import json
import random
import secrets
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

from locust import between, task
from locust.contrib.fasthttp import FastHttpUser

from tests.load.pictures import LARGE, PHOTO, SMALL, TAGS, Album

IMAGES = "/api/v1/images"
TOKEN = "X-Consistency-Token"
SIZES = ("small", "medium", "large")

known: deque[str] = deque(maxlen=5000)
"""Images that anybody here has seen in a list or has uploaded, and that nobody here deletes."""

albums: dict[tuple[int, int], Album] = {}


def prepare(directory: Path) -> None:
    """Opens the albums, before the first user comes."""
    albums.update({size: Album(directory, size) for size in (SMALL, PHOTO, LARGE)})


class Person(FastHttpUser):
    """Somebody with a browser: it keeps its connection, and shows each of its changes at once."""

    abstract = True
    wait_time = between(1, 3)
    connection_timeout = 10
    network_timeout = 30

    token: str | None = None
    cursor: str | None = None

    @property
    def _headers(self) -> dict[str, str]:
        return {"Accept": "image/webp,*/*", **({TOKEN: self.token} if self.token else {})}

    @contextmanager
    def ask(self, method: str, path: str, name: str, *, expect: int = 200, **options) -> Iterator:
        """One request under the name of its route. Any other status than the expected one is a failure."""
        headers = self._headers | options.pop("headers", {})
        with self.client.request(method, path, name=name, headers=headers, catch_response=True, **options) as answer:
            if answer.status_code != expect:
                answer.failure(f"{answer.status_code} instead of {expect}: {(answer.text or '')[:200]}")
            else:
                self.token = answer.headers.get(TOKEN) or self.token
            yield answer

    def page(self) -> list[str]:
        """Ids of the next page of the gallery, or of the first when that was the last."""
        query = {"limit": 24} | ({"tags": TAGS} if TAGS else {}) | ({"cursor": self.cursor} if self.cursor else {})
        with self.ask("GET", f"{IMAGES}?{urlencode(query)}", f"GET {IMAGES}") as answer:
            if answer.status_code != 200:
                self.cursor = None
                return []
            found = json.loads(answer.text)
        self.cursor = found["next_cursor"]
        return [item["id"] for item in found["items"] if item["status"] == "ready" and "passing" not in item["tags"]]

    def any_image(self) -> str | None:
        """One of those that are known; recent ones are asked for more often, as everywhere."""
        if not known:
            known.extend(self.page())
        if not known:
            return None
        return known[min(int(random.expovariate(8 / len(known))), len(known) - 1)]

    def look(self, image_id: str) -> None:
        with self.ask("GET", f"{IMAGES}/{image_id}", f"GET {IMAGES}/{{id}}"):
            pass

    def thumbnail(self, image_id: str) -> None:
        size = random.choice(SIZES)
        with self.ask("GET", f"{IMAGES}/{image_id}/thumbnails/{size}", f"GET {IMAGES}/{{id}}/thumbnails/{{size}}"):
            pass

    def upload(self, size: tuple[int, int], tags: str = TAGS or "load") -> dict:
        """The answer to an upload; empty when it failed."""
        boundary = secrets.token_hex(16)
        body = _form(boundary, albums[size].photo(), tags)
        kind = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        name = f"POST {IMAGES}/upload ({size[0]} x {size[1]})"
        with self.ask("POST", f"{IMAGES}/upload", name, expect=201, data=body, headers=kind) as answer:
            return json.loads(answer.text) if answer.status_code == 201 else {}


class Viewer(Person):
    """Follows links: mostly thumbnails on other people's pages, the picture's own page, sometimes the file."""

    weight = 70

    @task(6)
    def sees_a_thumbnail(self) -> None:
        if image := self.any_image():
            self.thumbnail(image)

    @task(4)
    def opens_a_picture(self) -> None:
        if image := self.any_image():
            self.look(image)

    @task(2)
    def loads_the_file(self) -> None:
        if image := self.any_image():
            with self.ask("GET", f"{IMAGES}/{image}/file", f"GET {IMAGES}/{{id}}/file"):
                pass


class GalleryBrowser(Person):
    """Goes through the gallery page by page, and looks at some of what is there."""

    weight = 24

    @task(1)
    def turns_the_page(self) -> None:
        known.extendleft(image for image in self.page() if image not in known)

    @task(3)
    def looks_at_a_thumbnail(self) -> None:
        if image := self.any_image():
            self.thumbnail(image)


class Uploader(Person):
    """Uploads a picture now and then, and looks at it at once, before it has become ready and after."""

    weight = 4
    mine: str | None = None

    @task(1)
    def uploads(self) -> None:
        if view := self.upload(random.choice((SMALL, PHOTO))):
            self.mine = view["id"]
            self.look(self.mine)
            known.appendleft(self.mine)

    @task(9)
    def looks_at_it(self) -> None:
        if self.mine:
            random.choice((self.look, self.thumbnail))(self.mine)


class HeavyUploader(Person):
    """Empties a camera: large pictures, each with a description afterwards."""

    weight = 1

    @task(1)
    def uploads_and_describes(self) -> None:
        if view := self.upload(LARGE):
            kind = {"Content-Type": "application/json", "X-Delete-Token": view["delete_token"]}
            text = json.dumps({"description": "From the camera"})
            path = f"{IMAGES}/{view['id']}"
            with self.ask("PATCH", path, f"PATCH {IMAGES}/{{id}}", data=text, headers=kind):
                pass
            known.appendleft(view["id"])

    @task(4)
    def looks_around(self) -> None:
        self.page()


class Deleter(Person):
    """Thinks better of it: what was deleted must be gone at once, and stay so."""

    weight = 1
    passing: dict | None = None

    @task
    def uploads_or_deletes(self) -> None:
        if self.passing is None:
            self.passing = self.upload(SMALL, tags="passing") or None
            return
        path, self_name = f"{IMAGES}/{self.passing['id']}", f"{IMAGES}/{{id}}"
        secret = {"X-Delete-Token": self.passing["delete_token"]}
        with self.ask("DELETE", path, f"DELETE {self_name}", expect=204, headers=secret) as answer:
            deleted = answer.status_code == 204
        if deleted:
            with self.ask("GET", path, f"GET {self_name} (deleted)", expect=404) as answer:
                if answer.status_code == 404:
                    answer.success()
        self.passing = None


def _form(boundary: str, picture: bytes, tags: str) -> bytes:
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="tags"\r\n\r\n{tags}\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="photo.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    return head.encode() + picture + f"\r\n--{boundary}--\r\n".encode()
