"""Many files uploaded through nginx, each until it is decided what becomes of it."""

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import msgspec

from tests.corpus import Expected

IMAGES = "/api/v1/images"
AT_ONCE = 4
"""Files that are under way together: few, so that others who use the stack wait for few."""
SECONDS = 180
"""That a file may take to be decided on a busy machine."""


class Fate(msgspec.Struct, frozen=True):
    """What became of a file: the answer to its upload, and its view once it was `ready` or `failed`."""

    status: int
    answer: dict[str, Any]
    view: dict[str, Any] | None


class Takeup:
    """Uploads files, and notes every answer that no client should ever get."""

    def __init__(self, client: httpx.Client, **fields: str) -> None:
        """`fields` go with every upload."""
        self.faults: list[str] = []
        self._client = client
        self._fields = fields

    def all(self, rows: Iterable[Expected]) -> dict[str, Fate]:
        """The fate of each file, by its name."""
        given = list(rows)
        with ThreadPoolExecutor(AT_ONCE) as threads:
            return dict(zip((row.file for row in given), threads.map(self._one, given), strict=True))

    def _one(self, row: Expected) -> Fate:
        files = {"file": (f"file{row.path.suffix}", row.data)}
        answer = self._ask("POST", f"{IMAGES}/upload", files=files, data=self._fields)
        body = answer.json()
        return Fate(answer.status_code, body, self._settled(body["id"]) if answer.status_code == 201 else None)

    def _settled(self, image_id: str) -> dict[str, Any] | None:
        """The image's view once it is decided; None when that takes too long. It may not be visible at first."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            view = self._ask("GET", f"{IMAGES}/{image_id}").json()
            if view["status"] in ("ready", "failed"):
                return view
            time.sleep(0.02)
        return None

    def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        answer = self._client.request(method, path, **options)
        if answer.status_code >= 500:
            self.faults.append(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer
