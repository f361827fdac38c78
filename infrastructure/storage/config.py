"""Which shards there are, how to reach them and how many copies an object has."""

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

import msgspec

from contracts.shards import Shard, ShardMap
from infrastructure.env import ConfigError

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_ENDPOINT = re.compile(r"([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(:[0-9]{1,5})?")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_WEIGHT = re.compile(r"[1-9][0-9]{0,2}")


class StorageConfig(msgspec.Struct, frozen=True):
    """`shards` are `name=s3://host:port/bucket` or `name=file:///directory`, with `?weight=2` to hold twice as much:
    those that a new system begins with. From then on the list is in the database.

    `write_quorum` is how many of the `copies` must be there before an upload counts; 0 means all.
    """

    shards: tuple[str, ...] = msgspec.field(name="CHITRAM_SHARDS", default=())
    access_key: str = msgspec.field(name="CHITRAM_S3_ACCESS_KEY", default="")
    secret_key: str = msgspec.field(name="CHITRAM_S3_SECRET_KEY", default="")
    region: str = msgspec.field(name="CHITRAM_S3_REGION", default="us-east-1")
    tls: bool = msgspec.field(name="CHITRAM_S3_TLS", default=False)
    copies: Annotated[int, msgspec.Meta(ge=1, le=9)] = msgspec.field(name="CHITRAM_COPIES", default=2)
    write_quorum: Annotated[int, msgspec.Meta(ge=0, le=9)] = msgspec.field(name="CHITRAM_WRITE_QUORUM", default=0)

    @property
    def quorum(self) -> int:
        """How many copies make an object stored."""
        return self.write_quorum or self.copies


class Deadlines(msgspec.Struct, frozen=True):
    """Seconds that each kind of call may take, from its start to its last byte."""

    connect: float = 1.0
    put: float = 10.0
    get: float = 10.0
    small: float = 2.0
    """HEAD and DELETE."""
    list: float = 10.0
    """One page of a listing."""
    ping: float = 1.0


DEADLINES = Deadlines()


class Bucket(msgspec.Struct, frozen=True):
    """A shard in a bucket. `endpoint` is `host:port` as it goes into the signed Host header."""

    name: str
    endpoint: str
    bucket: str


class Directory(msgspec.Struct, frozen=True):
    """A shard in a directory."""

    name: str
    path: Path


Address = Bucket | Directory


def first_map(config: StorageConfig) -> ShardMap:
    """The shards that a configuration names, in its order. Raises `ConfigError` for what can't work."""
    shards = tuple(parse(text) for text in config.shards)
    if not shards:
        raise ConfigError("CHITRAM_SHARDS is not set, and no shards are written down in the database")
    found = ShardMap(0, shards)
    check(config, found)
    return found


def check(config: StorageConfig, shards: ShardMap) -> None:
    """Raises `ConfigError` when the settings and the shards don't go together."""
    names = [shard.name for shard in shards.shards]
    if len(set(names)) < len(names):
        raise ConfigError(f"CHITRAM_SHARDS: each shard needs a name of its own, got {', '.join(names)}")
    places = [address(shard, tls=config.tls) for shard in shards.shards]
    if len({msgspec.structs.replace(place, name="") for place in places}) < len(places):
        raise ConfigError(f"CHITRAM_SHARDS: two of {', '.join(names)} are the same place")
    if config.copies > len(shards.active):
        count = len(shards.active)
        raise ConfigError(f"CHITRAM_COPIES: {config.copies} copies need as many active shards, there are {count}")
    if config.write_quorum > config.copies:
        raise ConfigError(f"CHITRAM_WRITE_QUORUM: more than the {config.copies} copies of CHITRAM_COPIES")
    if any(isinstance(place, Bucket) for place in places) and not (config.access_key and config.secret_key):
        raise ConfigError("CHITRAM_S3_ACCESS_KEY and CHITRAM_S3_SECRET_KEY: s3:// shards need both")


def parse(text: str) -> Shard:
    """`name=url?weight=2` -> the shard. Raises `ConfigError`."""
    name, _, url = text.partition("=")
    parts = urlsplit(url)
    if not _NAME.fullmatch(name) or parts.scheme not in {"s3", "file"}:
        raise ConfigError(f"CHITRAM_SHARDS: expected name=s3://host:port/bucket or name=file:///directory, got {text}")
    shard = Shard(name, url.partition("?")[0], _weight(parts.query, text))
    address(shard, tls=False)
    return shard


def address(shard: Shard, *, tls: bool) -> Address:
    """Where a shard is. Raises `ConfigError` for a place that can't be one."""
    parts = urlsplit(shard.url)
    if parts.scheme == "file":
        return Directory(shard.name, _directory(parts.netloc, parts.path, f"{shard.name}={shard.url}"))
    endpoint, bucket = _without_default_port(parts.netloc.lower(), tls=tls), parts.path.strip("/")
    if not _ENDPOINT.fullmatch(endpoint) or not _BUCKET.fullmatch(bucket):
        raise ConfigError(f"CHITRAM_SHARDS: expected s3://host:port/bucket, got {shard.name}={shard.url}")
    return Bucket(shard.name, endpoint, bucket)


def _weight(query: str, text: str) -> int:
    if not query:
        return 1
    match parse_qs(query):
        case {"weight": [number], **others} if not others and _WEIGHT.fullmatch(number):
            return int(number)
    raise ConfigError(f"CHITRAM_SHARDS: weight is a whole number from 1 to 999, got {text}")


def _directory(host: str, path: str, text: str) -> Path:
    if host or not path.startswith("/") or ".." in path.split("/"):
        raise ConfigError(f"CHITRAM_SHARDS: expected file:///absolute/path, got {text}")
    return Path(path)


def _without_default_port(endpoint: str, *, tls: bool) -> str:
    """HTTP clients leave the default port out of Host, so it must not be in what is signed either."""
    return endpoint.removesuffix(":443" if tls else ":80")
