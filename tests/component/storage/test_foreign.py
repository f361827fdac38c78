"""Files of another system are read under their own names, wherever they lie."""

import errno
import os
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from contracts.errors import Refused, Unavailable
from deploy.local.servers.seaweedfs import REGION
from infrastructure.storage import foreign
from infrastructure.storage.config import StorageConfig
from infrastructure.storage.foreign import open_foreign
from infrastructure.storage.s3 import Answer, BucketShard
from infrastructure.storage.sign import Signer
from tests.component.storage.conftest import UNHURRIED

FILES = {"0b8e.jpg": b"one", "with space.jpeg": b"two"}


@pytest.fixture
def keys(s3_server):
    return StorageConfig(access_key=s3_server.access_key, secret_key=s3_server.secret_key, region=REGION)


@pytest.fixture
async def place(request, keys, s3_server, buckets, tmp_path):
    """A directory or a bucket with files in it."""
    if request.param == "directory":
        (tmp_path / "files").mkdir()
        for name, data in FILES.items():
            (tmp_path / "files" / name).write_bytes(data)
        return str(tmp_path / "files")
    signer = Signer(keys.access_key, keys.secret_key, keys.region, tls=False, lifetime=900)
    async with httpx.AsyncClient(timeout=UNHURRIED.put) as client:
        for name, data in FILES.items():
            url = signer.url("PUT", s3_server.endpoint, f"/{buckets[0]}/{quote(name, safe='')}")
            assert (await client.put(url, content=data)).is_success
    return f"s3://{s3_server.endpoint}/{buckets[0]}"


@pytest.mark.parametrize("place", ["directory", "bucket"], indirect=True)
async def test_files_are_read_by_their_names(place, keys):
    """What isn't there is not there; of what is too large no more than a byte over the limit is given."""
    async with open_foreign(place, keys) as files:
        for name, data in FILES.items():
            assert await files.read(name, 100) == data
        for name in ("other.jpg", "é" * 255, "x" * 1100):
            assert await files.read(name, 100) is None
        assert len(await files.read("0b8e.jpg", 2)) == 3


async def test_nothing_outside_of_the_directory_is_read(tmp_path, keys):
    """By a name, or by a link."""
    (tmp_path / "files").mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "files" / "link.jpg").symlink_to(tmp_path / "secret")
    async with open_foreign(f"file://{tmp_path}/files", keys) as files:
        for name in ("../secret", str(tmp_path / "secret"), "link.jpg", "", "..", "a\0b"):
            assert await files.read(name, 100) is None


async def test_a_file_that_can_not_be_read_is_no_matter_of_the_others(tmp_path, keys, monkeypatch):
    """What its disk says of a single file is told of that one; what it says of itself ends everything."""
    for name in ("closed.jpg", "open.jpg"):
        (tmp_path / name).write_bytes(b"bytes")
    (tmp_path / "directory.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    codes = {"closed.jpg": errno.EACCES, "broken.jpg": errno.EIO}

    def opened(path, flags, open_alone=foreign._open_alone):
        if code := codes.get(Path(path).name):
            raise OSError(code, os.strerror(code))
        return open_alone(path, flags)

    monkeypatch.setattr(foreign, "_open_alone", opened)
    async with open_foreign(str(tmp_path), keys) as files:
        with pytest.raises(Refused, match=r"closed\.jpg can't be read: Permission denied"):
            await files.read("closed.jpg", 100)
        assert await files.read("open.jpg", 100) == b"bytes"
        for name in ("directory.jpg", "pipe.jpg"):
            assert await files.read(name, 100) is None
        with pytest.raises(Unavailable, match="Input/output error"):
            await files.read("broken.jpg", 100)


async def test_an_object_that_its_bucket_refuses_is_no_matter_of_the_others(keys, monkeypatch):
    """Where the bucket as a whole answers; one that refuses everything ends it."""
    answers = {"HEAD": Answer(403, 0, b""), "GET": Answer(200, 0, b"<ListBucketResult/>")}

    async def call(_, method, *arguments, **options):
        return answers[method]

    monkeypatch.setattr(BucketShard, "_call", call)
    async with open_foreign("s3://127.0.0.1:1/bucket", keys) as files:
        with pytest.raises(Refused, match=r"closed\.jpg can't be read"):
            await files.read("closed.jpg", 100)
        answers["GET"] = Answer(403, 0, b"")
        with pytest.raises(Unavailable):
            await files.read("closed.jpg", 100)


async def test_a_bucket_that_is_not_there_or_not_ours_is_refused(s3_server, buckets, keys):
    """At the start, in a sentence."""
    wrong = StorageConfig(access_key="other", secret_key="other", region=REGION)
    for bucket, opened_with in (("not-there", keys), (buckets[0], wrong)):
        with pytest.raises(Refused, match="can't be read"):
            async with open_foreign(f"s3://{s3_server.endpoint}/{bucket}", opened_with):
                pass
