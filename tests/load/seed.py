"""Before the first user: is somebody there, and is there something to look at?"""

import json
import subprocess
import sys
import time
from pathlib import Path

import httpx

from tests.load.pictures import PHOTO, SMALL, TAGS, Album

IMAGES = "/api/v1/images"
ENOUGH = 50
"""Pictures that a gallery needs before a visit is worth it."""

PATIENCE = 180.0
"""Seconds that the thumbnails of all of them may take."""


def local_url() -> str:
    """Where the stack of the working directory is; the usual place when there is none."""
    chitram = Path(sys.executable).with_name("chitram")
    told = subprocess.run((chitram, "status", "--json"), capture_output=True, check=False).stdout
    try:
        return json.loads(told)["url"] or "http://127.0.0.1:8080"
    except (ValueError, KeyError):
        return "http://127.0.0.1:8080"


def missing(url: str) -> int:
    """How many pictures it lacks. Raises httpx.HTTPError when it does not answer."""
    with httpx.Client(base_url=url, timeout=30) as client:
        return max(0, ENOUGH - _ready(client))


def fill(url: str, albums: Path, count: int) -> None:
    """Uploads so many pictures and waits until enough are ready. Raises httpx.HTTPError, and TimeoutError."""
    with httpx.Client(base_url=url, timeout=30) as client:
        _upload(client, count, (Album(albums, SMALL), Album(albums, PHOTO)))
        deadline = time.monotonic() + PATIENCE
        while _ready(client) < ENOUGH:
            if time.monotonic() > deadline:
                raise TimeoutError(f"has not made the thumbnails of {ENOUGH} pictures within {PATIENCE:.0f} seconds")
            time.sleep(0.2)


def _ready(client: httpx.Client) -> int:
    query = {"limit": ENOUGH} | ({"tags": TAGS} if TAGS else {})
    items = client.get(IMAGES, params=query).raise_for_status().json()["items"]
    return sum(item["status"] == "ready" for item in items)


def _upload(client: httpx.Client, count: int, albums: tuple[Album, Album]) -> None:
    for number in range(count):
        photo = albums[number % 2].photo()
        files = {"file": (f"seed-{number}.jpg", photo, "image/jpeg")}
        client.post(f"{IMAGES}/upload", files=files, data={"tags": TAGS or "load"}).raise_for_status()
