"""NATS with JetStream: the events."""

import socket
from pathlib import Path

import msgspec

import infrastructure.nats
from deploy.local import binaries
from deploy.local.part import NotReady, Part
from deploy.local.ports import HOST

ROOM = Path(infrastructure.nats.__file__).parent


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """One NATS server that keeps its streams in `directory`."""

    name: str
    port: int
    directory: Path
    password: str

    @property
    def url(self) -> str:
        """Address with account and password in it."""
        return f"nats://chitram:{self.password}@{HOST}:{self.port}"


def part(server: Server) -> Part:
    """The server as a part."""
    return Part(
        name=server.name,
        command=(binaries.nats(), "--config", str(ROOM / "nats.conf")),
        directory=server.directory,
        ports=(server.port,),
        ready=lambda: _ready(server),
        environment=environment(server) | {"GOMEMLIMIT": "96MiB"},
    )


def environment(server: Server) -> dict[str, str]:
    """What `nats.conf` asks for; quoted, because NATS would read `7e12` or `true` as something else than text."""
    return {
        "CHITRAM_NATS_LISTEN": f'"{HOST}:{server.port}"',
        "CHITRAM_NATS_STORE": f'"{server.directory}"',
        "CHITRAM_NATS_USER": '"chitram"',
        "CHITRAM_NATS_PASSWORD": f'"{server.password}"',
    }


def _ready(server: Server) -> None:
    """The server speaks first: one line of INFO, which also tells that JetStream is on."""
    with socket.create_connection((HOST, server.port), timeout=1) as connection:
        line = connection.makefile("rb").readline()
    if b'"jetstream":true' not in line:
        raise NotReady("JetStream is not on yet")
