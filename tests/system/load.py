"""A light load of uploads and reads that remembers what was acknowledged."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.pictures import jpeg
from tests.system.clients import Client

IMAGES = "/api/v1/images"


class Load:
    """Uploads and reads in the background until stopped.

    `acknowledged` is what got a 201: id -> SHA-256. `failed_reads` are GETs of existing images that got no 200, however
    often they came back; `returns` are those that had to.
    """

    def __init__(self, url: str) -> None:
        self.acknowledged: dict[str, str] = {}
        self.refused_uploads = 0
        self.reads = 0
        self.failed_reads: list[str] = []
        self.returns: list[str] = []
        self._url = url
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._upload, self._read)]

    @contextmanager
    def running(self) -> Iterator["Load"]:
        """The load runs while the block does."""
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join(timeout=300)
            assert not any(thread.is_alive() for thread in self._threads), "the load doesn't end"

    @contextmanager
    def _client(self) -> Iterator[Client]:
        with Client(self._url) as client:
            yield client
        self.returns += client.returns

    def _upload(self) -> None:
        with self._client() as client:
            while not self._stop.wait(0.3):
                data = jpeg(200, 150)
                try:
                    answer = client.post(f"{IMAGES}/upload", files={"file": ("a.jpg", data)})
                except httpx.HTTPError:
                    self.refused_uploads += 1
                    continue
                if answer.status_code == 201:
                    self.acknowledged[answer.json()["id"]] = hashlib.sha256(data).hexdigest()
                else:
                    self.refused_uploads += 1

    def _read(self) -> None:
        with self._client() as client:
            while not self._stop.wait(0.05):
                self.reads += 1
                try:
                    answer = client.get(IMAGES, params={"limit": "5"})
                except httpx.HTTPError as error:
                    self.failed_reads.append(repr(error))
                    continue
                if answer.status_code != 200:
                    self.failed_reads.append(f"{answer.status_code} {answer.text}")


def everything_is_kept(url: str, acknowledged: dict[str, str]) -> None:
    """Each acknowledged image is ready and has the bytes that were uploaded."""
    with Client(url) as client:
        for image_id, sha256 in acknowledged.items():
            view = client.get(f"{IMAGES}/{image_id}")
            assert (view.status_code, view.json().get("status")) == (200, "ready"), view.text
            file = client.get(f"{IMAGES}/{image_id}/file")
            assert hashlib.sha256(file.content).hexdigest() == sha256


def serves(process: dict) -> bool:
    """Whether a process does its work: our services are asked, of the others it is enough that they run."""
    if not process["name"].startswith(("read-", "write-", "worker-")):
        return process["state"] == "running"
    try:
        return httpx.get(f"http://127.0.0.1:{process['port']}/health/ready", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False
