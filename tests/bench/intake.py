"""Uploading what the measurements read, the way people upload."""

from functools import partial

import httpx

from tests.bench.stack import Stack, until


def take_in(stack: Stack, photos: list[bytes]) -> list[str]:
    """Uploads photos through nginx and waits until all are ready, thumbnails and all; gives their ids."""
    with httpx.Client(base_url=f"{stack.url}/api/v1/images", timeout=10) as client:
        ids = upload_all(client, photos)
        for image_id in ids:
            until(partial(_is_ready, client, image_id), "thumbnails are made")
    return ids


def upload_all(client: httpx.Client, photos: list[bytes]) -> list[str]:
    """Uploads photos one after the other; gives their ids."""
    return [_upload(client, photo) for photo in photos]


def _upload(client: httpx.Client, photo: bytes) -> str:
    answer = client.post("/upload", files={"file": ("photo.jpg", photo, "image/jpeg")}).raise_for_status()
    return str(answer.json()["id"])


def _is_ready(client: httpx.Client, image_id: str) -> bool:
    return bool(client.get(f"/{image_id}").json().get("status") == "ready")
