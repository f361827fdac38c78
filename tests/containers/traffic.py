"""More than a light load: people look from several connections and change things, and every failure is remembered."""

import threading
from functools import partial

import httpx

from tests.pictures import jpeg
from tests.system.load import IMAGES, Load

READERS, WRITERS = 4, 1


class Traffic(Load):
    """`failures` are requests that got another answer than they should have, or none; `answered` counts the others."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.failures: list[str] = []
        self.answered = 0
        loops = [self._look] * READERS + [self._change] * WRITERS
        self._threads += [threading.Thread(target=self._loop, args=(work,), daemon=True) for work in loops]

    @property
    def lost(self) -> list[str]:
        """Every request that failed, of whatever kind."""
        refused = [f"{self.refused_uploads} uploads were refused"] if self.refused_uploads else []
        return [*self.failures, *self.failed_reads, *refused]

    def _loop(self, work) -> None:
        with httpx.Client(base_url=self._url, timeout=30) as client:
            while not self._stop.wait(0.02):
                work(partial(self._ask, client))

    def _ask(
        self, client: httpx.Client, method: str, path: str, expected: int = 200, **options
    ) -> httpx.Response | None:
        try:
            answer = client.request(method, path, **options)
        except httpx.HTTPError as error:
            self.failures.append(f"{method} {path}: {error!r}")
            return None
        if answer.status_code != expected:
            self.failures.append(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
            return None
        self.answered += 1
        return answer

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
