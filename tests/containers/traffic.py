"""More than a light load: people look from several connections and change things, and every failure is remembered."""

import hashlib
import threading
from functools import partial

import httpx

from tests.pictures import jpeg
from tests.system.load import IMAGES, Load

READERS, WRITERS = 4, 1


class Traffic(Load):
    """`lost` are requests that got another answer than they should have, or none; `answered` counts the others.

    Who is told to come back does so. What the gateway fails to deliver (502, 504, a broken connection) is lost at once,
    but for bytes, of which it says to come back.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.lost: list[str] = []
        self.answered = 0
        loops = [self._look] * READERS + [self._change] * WRITERS + [self._keep]
        self._threads = [threading.Thread(target=self._loop, args=(work,), daemon=True) for work in loops]

    def _loop(self, work) -> None:
        with self._client() as client:
            while not self._stop.wait(0.02):
                work(partial(self._ask, client))

    def _ask(
        self, client: httpx.Client, method: str, path: str, expected: int = 200, **options
    ) -> httpx.Response | None:
        try:
            answer = client.request(method, path, **options)
        except httpx.HTTPError as error:
            self.lost.append(f"{method} {path}: {error!r}")
            return None
        if answer.status_code != expected:
            self.lost.append(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
            return None
        self.answered += 1
        return answer

    def _keep(self, ask) -> None:
        data = jpeg(400, 300)
        made = ask("POST", f"{IMAGES}/upload", 201, files={"file": ("a.jpg", data)})
        if made:
            self.acknowledged[made.json()["id"]] = hashlib.sha256(data).hexdigest()
        self._stop.wait(0.1)

    def _look(self, ask) -> None:
        page = ask("GET", IMAGES, params={"limit": "5"})
        for item in page.json()["items"] if page else ():
            if item["status"] == "ready" and "passing" not in item["tags"]:
                ask("GET", f"{IMAGES}/{item['id']}")
                ask("GET", f"{IMAGES}/{item['id']}/thumbnails/small")
                ask("GET", f"{IMAGES}/{item['id']}/file")

    def _change(self, ask) -> None:
        files = {"file": ("a.jpg", jpeg(400, 300))}
        made = ask("POST", f"{IMAGES}/upload", 201, files=files, data={"tags": "passing"})
        if made:
            view = made.json()
            secret = {"X-Delete-Token": view["delete_token"]}
            ask("PATCH", f"{IMAGES}/{view['id']}", headers=secret, json={"description": "changed"})
            ask("DELETE", f"{IMAGES}/{view['id']}", 204, headers=secret)
