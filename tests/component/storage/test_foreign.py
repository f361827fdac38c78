"""Files of another system are read under their own names, wherever they lie."""

from urllib.parse import quote

import httpx
import pytest

from contracts.errors import Refused
from deploy.local.servers.seaweedfs import REGION
from infrastructure.storage.config import StorageConfig
from infrastructure.storage.foreign import open_foreign
from infrastructure.storage.sign import Signer

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
    async with httpx.AsyncClient() as client:
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
        assert await files.read("other.jpg", 100) is None
        assert len(await files.read("0b8e.jpg", 2)) == 3


async def test_nothing_outside_of_the_directory_is_read(tmp_path, keys):
    """By a name, or by a link."""
    (tmp_path / "files").mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "files" / "link.jpg").symlink_to(tmp_path / "secret")
    async with open_foreign(f"file://{tmp_path}/files", keys) as files:
        for name in ("../secret", str(tmp_path / "secret"), "link.jpg", "", "..", "a\0b"):
            assert await files.read(name, 100) is None


async def test_a_bucket_that_is_not_there_or_not_ours_is_refused(s3_server, buckets, keys):
    """At the start, in a sentence."""
    wrong = StorageConfig(access_key="other", secret_key="other", region=REGION)
    for bucket, opened_with in (("not-there", keys), (buckets[0], wrong)):
        with pytest.raises(Refused, match="can't be read"):
            async with open_foreign(f"s3://{s3_server.endpoint}/{bucket}", opened_with):
                pass
