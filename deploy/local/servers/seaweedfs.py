"""SeaweedFS: one server with any number of buckets behind the S3 protocol."""

import base64
import hashlib
import hmac
import http.client
import json
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import msgspec

import infrastructure.storage
from deploy.local import binaries
from deploy.local.part import NotReady, Part
from deploy.local.ports import HOST
from deploy.local.trouble import Trouble

ROOM = Path(infrastructure.storage.__file__).parent
REGION = "us-east-1"

PATIENCE = 60.0
"""Seconds that a server gets to make its buckets: after a crash it answers before it can write."""


class Ports(msgspec.Struct, frozen=True):
    """The roles inside the one process listen twice each: HTTP and gRPC."""

    s3: int
    s3_grpc: int
    master: int
    master_grpc: int
    volume: int
    volume_grpc: int
    filer: int
    filer_grpc: int


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """One SeaweedFS server. `keys` is the file with the access keys; without any, S3 would be open to all.
    `host` is where it is reached: elsewhere only by those who didn't start it.
    """

    name: str
    host: str = HOST
    ports: Ports
    directory: Path
    keys: Path
    access_key: str
    secret_key: str

    @property
    def endpoint(self) -> str:
        """`host:port` of the S3 protocol."""
        return f"{self.host}:{self.ports.s3}"

    def signing_key(self, role: str) -> str:
        """What tokens for the HTTP port of `role` are signed with; another one for each role and secret."""
        return hmac.new(self.secret_key.encode(), role.encode(), hashlib.sha256).hexdigest()


def part(server: Server) -> Part:
    """The server as a part."""
    return Part(
        name=server.name,
        command=(binaries.weed(), "-logtostderr=true", "server", *options(server)),
        directory=server.directory,
        ports=msgspec.structs.astuple(server.ports),
        ready=lambda: _ready(server),
        # HOME: it would read settings from ~/.seaweedfs.
        environment={"GOMEMLIMIT": "384MiB", "HOME": str(server.directory)} | _locks(server),
        files={server.keys: json.dumps(identities(server), indent=2)},
        # Its volumes are closed at once, then it waits 15 seconds for connections of its own.
        stop_seconds=2,
        sockets=tuple(
            Path(f"/tmp/seaweedfs-{role}-{port}.sock")  # noqa: S108 - SeaweedFS's choice, not ours
            for role, port in (
                *(("s3", server.ports.s3), ("s3-grpc", server.ports.s3_grpc)),
                *(("filer", server.ports.filer), ("filer-grpc", server.ports.filer_grpc)),
                *(("volume-grpc", server.ports.volume_grpc), ("master-grpc", server.ports.master_grpc)),
            )
        ),
    )


def options(server: Server) -> tuple[str, ...]:
    """Command-line options; `peers=none` spares a lone master the seconds of an election."""
    ports = server.ports
    return (
        *(f"-dir={server.directory}", f"-ip={HOST}", f"-ip.bind={HOST}"),
        *(f"-master.port={ports.master}", f"-master.port.grpc={ports.master_grpc}"),
        *("-master.peers=none", "-master.telemetry=false", "-master.volumeSizeLimitMB=1024"),
        *(f"-volume.port={ports.volume}", f"-volume.port.grpc={ports.volume_grpc}"),
        *("-volume.max=1000", "-volume.preStopSeconds=0"),
        *("-filer", f"-filer.port={ports.filer}", f"-filer.port.grpc={ports.filer_grpc}"),
        *("-s3", f"-s3.port={ports.s3}", f"-s3.port.grpc={ports.s3_grpc}", f"-s3.config={server.keys}"),
        *("-s3.iam=false", "-s3.autoCreateBucket=false", "-s3.port.iceberg=0", "-s3.port.lance=0"),
    )


def make_buckets(server: Server, names: tuple[str, ...], *, patience: float = PATIENCE) -> None:
    """Makes buckets that are durable at once: a write to them is on the disk when it is answered.

    Each step may be repeated, so all of them are until `patience` seconds are over. Raises `Trouble` then.
    """
    _patiently(lambda: _make_buckets(server, names), patience, "made no buckets")


def empty_bucket(server: Server, name: str, *, patience: float = PATIENCE) -> None:
    """Removes all that is in a bucket, as patiently. Raises `Trouble`."""
    _patiently(lambda: _empty_bucket(server, name), patience, f"did not empty {name}")


def _patiently(work: Callable[[], None], patience: float, failing: str) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            return work()
        except (NotReady, OSError) as error:
            if time.monotonic() > deadline:
                raise Trouble(f"SeaweedFS {failing} within {patience:g} seconds: {error}") from error
        time.sleep(0.1)


def _make_buckets(server: Server, names: tuple[str, ...]) -> None:
    _upload(server, "/etc/seaweedfs/filer.conf", (ROOM / "filer.conf").read_bytes())
    known = buckets(server)
    for name in names:
        if name not in known:
            _ask_filer(server, "POST", f"/buckets/{name}/", wanted=201)
            # A bucket's first object would wait 0.2 seconds for its first volume.
            _ask(server, server.ports.master, "GET", f"/vol/grow?collection={name}&count=1&replication=000")


def buckets(server: Server) -> set[str]:
    """Names of all buckets that there are."""
    return {entry["FullPath"].removeprefix("/buckets/") for entry in _list(server, "/buckets/")}


def _empty_bucket(server: Server, name: str) -> None:
    for entry in _list(server, f"/buckets/{name}/"):
        _ask_filer(server, "DELETE", f"{quote(entry['FullPath'])}?recursive=true", wanted=204)


def _locks(server: Server) -> dict[str, str]:
    """Without these the ports behind S3 would give every object to whoever can connect."""
    return {
        "WEED_JWT_SIGNING_KEY": server.signing_key("volume"),
        "WEED_JWT_SIGNING_READ_KEY": server.signing_key("volume-read"),
        "WEED_JWT_FILER_SIGNING_KEY": server.signing_key("filer"),
        "WEED_JWT_FILER_SIGNING_READ_KEY": server.signing_key("filer-read"),
    }


def identities(server: Server) -> dict[str, object]:
    """Who may do what over S3: us, everything."""
    keys = {"accessKey": server.access_key, "secretKey": server.secret_key}
    actions = ["Admin", "Read", "List", "Tagging", "Write"]
    return {"identities": [{"name": "chitram", "credentials": [keys], "actions": actions}]}


def _ready(server: Server) -> None:
    _ask(server, server.ports.s3, "GET", "/healthz")
    if b'"DataNodes"' not in _ask(server, server.ports.master, "GET", "/dir/status"):
        raise NotReady("no volume server has joined yet")


def _list(server: Server, path: str) -> list[dict[str, str]]:
    headers = {"Accept": "application/json"}
    answer = json.loads(_ask_filer(server, "GET", f"{path}?limit=100000", headers=headers))
    return answer["Entries"] or []


def _upload(server: Server, path: str, content: bytes) -> None:
    kind = {"Content-Type": "application/json"}
    _ask_filer(server, "PUT", path, content=content, headers=kind, wanted=201)


def _ask_filer(
    server: Server,
    method: str,
    path: str,
    *,
    content: bytes | None = None,
    headers: dict[str, str] | None = None,
    wanted: int = 200,
) -> bytes:
    key = server.signing_key("filer-read" if method == "GET" else "filer")
    signed = (headers or {}) | {"Authorization": f"Bearer {_token(key)}"}
    return _ask(server, server.ports.filer, method, path, content=content, headers=signed, wanted=wanted)


def _token(key: str, seconds: int = 60) -> str:
    """A JSON Web Token that is good for so long."""
    parts = ({"alg": "HS256", "typ": "JWT"}, {"exp": int(time.time()) + seconds})
    text = b".".join(_base64(json.dumps(part).encode()) for part in parts)
    return (text + b"." + _base64(hmac.digest(key.encode(), text, "sha256"))).decode()


def _base64(value: bytes) -> bytes:
    return base64.urlsafe_b64encode(value).rstrip(b"=")


def _ask(
    server: Server,
    port: int,
    method: str,
    path: str,
    *,
    content: bytes | None = None,
    headers: dict[str, str] | None = None,
    wanted: int = 200,
) -> bytes:
    connection = http.client.HTTPConnection(server.host, port, timeout=5)
    try:
        connection.request(method, path, body=content, headers=headers or {})
        answer = connection.getresponse()
        body = answer.read()
    except http.client.HTTPException as error:
        raise NotReady(f"{method} {path}: {error!r}") from error
    finally:
        connection.close()
    if answer.status >= 500:
        raise NotReady(f"{method} {path}: {answer.status}")
    if answer.status != wanted:
        raise Trouble(f"SeaweedFS answered {answer.status} to {method} {path}: {body[:200]!r}")
    return body
