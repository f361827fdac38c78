"""Shards of each test's own, and faults in front of them."""

from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

import httpx
import pytest

from deploy.local import ports
from deploy.local.servers.seaweedfs import REGION
from infrastructure.storage import foreign, prove
from infrastructure.storage.config import Bucket, Deadlines, Directory, StorageConfig
from infrastructure.storage.files import INCOMING, DirectoryShard
from infrastructure.storage.objects import PATIENCE, Patience
from infrastructure.storage.open import open_storage
from infrastructure.storage.s3 import BucketShard
from infrastructure.storage.session import open_session
from infrastructure.storage.sign import Signer
from tests.component.storage.proxy import Proxy

UNHURRIED = Deadlines(connect=30, put=60, get=60, small=30, list=60, ping=5)
"""However busy the machine. A ping is what notices a shard that hangs, so that has to end in a test's time."""

HASTY = Deadlines(connect=0.3, put=0.6, get=0.6, small=0.6, list=0.6, ping=0.6)
"""For calls that are to be too slow."""

IMPATIENT = Patience(put=0.15, get=0.1)
"""For calls that are to be overtaken, long before their deadlines."""

PATIENT = Patience(put=60, get=60)
"""For calls that never are."""


@pytest.fixture(autouse=True)
def unhurried(monkeypatch):
    """No call takes too long unless a test wants it to."""
    monkeypatch.setitem(open_storage.__wrapped__.__kwdefaults__, "deadlines", UNHURRIED)
    for module in (foreign, prove):
        monkeypatch.setattr(module, "DEADLINES", UNHURRIED)


@pytest.fixture
def bucket(s3_server, buckets):
    """An empty bucket."""
    return Bucket("s", s3_server.endpoint, buckets[0])


@pytest.fixture
def signer(s3_server):
    """Signs with the server's keys."""
    return Signer(s3_server.access_key, s3_server.secret_key, REGION, tls=False, lifetime=900)


@asynccontextmanager
async def bucket_shard(address, signer, *, deadlines=UNHURRIED):
    """A shard in a bucket."""
    async with open_session(tls=False, deadlines=deadlines) as http:
        yield BucketShard(address, http=http, signer=signer, deadlines=deadlines)


@asynccontextmanager
async def directory_shard(path, *, deadlines=UNHURRIED):
    """A shard in a directory, set up where that is there."""
    shard = DirectoryShard(Directory("f", path), deadlines=deadlines)
    try:
        if path.is_dir():
            (path / INCOMING).mkdir(exist_ok=True)
            await shard.prepare()
        yield shard
    finally:
        shard.close()


@pytest.fixture
async def proxy(s3_server):
    """Between the test and the server."""
    proxy = Proxy(s3_server.endpoint, *ports.choose(1))
    await proxy.start()
    yield proxy
    await proxy.close()


@pytest.fixture
def key():
    return f"{uuid4()}/original"


class Cluster:
    """Four shards, each behind a proxy of its own, opened as a service does."""

    def __init__(self, server, signer, proxies, buckets):
        self.server = server
        self.proxies = proxies
        self._signer = signer
        self._buckets = buckets

    def config(self, **fields):
        shards = tuple(f"{n}=s3://{p.endpoint}/{self._buckets[n]}" for n, p in self.proxies.items())
        keys = {"access_key": self.server.access_key, "secret_key": self.server.secret_key}
        return StorageConfig(**{"shards": shards, **keys, **fields})

    def open(self, *, patience=PATIENCE, reads_only=False, **fields):
        return open_storage(self.config(**fields), patience=patience, reads_only=reads_only)

    async def copy(self, name, key):
        """What lies on a shard, asked past its proxy; None when nothing does."""
        async with httpx.AsyncClient(timeout=UNHURRIED.get) as client:
            answer = await client.get(self._url("GET", name, key))
        return answer.content if answer.status_code == 200 else None

    async def copies(self, key):
        """The shards that have an object."""
        return {name for name in self.proxies if await self.copy(name, key) is not None}

    async def overwrite(self, name, key, data):
        """Puts other bytes in the place of a copy; None removes it."""
        method = "DELETE" if data is None else "PUT"
        async with httpx.AsyncClient(timeout=UNHURRIED.get) as client:
            (await client.request(method, self._url(method, name, key), content=data)).raise_for_status()

    def _url(self, method, name, key):
        return self._signer.url(method, self.server.endpoint, f"/{self._buckets[name]}/{key}")


@pytest.fixture
async def cluster(s3_server, signer, buckets):
    """Shards s1 to s4."""
    async with AsyncExitStack() as stack:
        proxies = {}
        for number in range(1, 5):
            proxy = proxies[f"s{number}"] = Proxy(s3_server.endpoint, *ports.choose(1))
            await proxy.start()
            stack.push_async_callback(proxy.close)
        yield Cluster(s3_server, signer, proxies, dict(zip(proxies, buckets, strict=True)))
