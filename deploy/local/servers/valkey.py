"""Valkey: the cache."""

import socket
from pathlib import Path

import msgspec

import infrastructure.redis
from deploy.local import binaries
from deploy.local.part import NotReady, Part
from deploy.local.ports import HOST

ROOM = Path(infrastructure.redis.__file__).parent


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """One Valkey server; `config` is the file it is started with, `directory` where it works."""

    name: str
    port: int
    directory: Path
    config: Path
    password: str

    @property
    def url(self) -> str:
        """Address with the password in it."""
        return f"redis://:{self.password}@{HOST}:{self.port}/0"


def part(server: Server) -> Part:
    """The server as a part."""
    return Part(
        name=server.name,
        command=(binaries.valkey(), str(server.config)),
        directory=server.directory,
        ports=(server.port,),
        ready=lambda: _ready(server),
        files={server.config: settings(server)},
    )


def settings(server: Server) -> str:
    """Text of the configuration file: the room's own and what differs between servers."""
    return (
        f'include "{ROOM / "valkey.conf"}"\n'
        f"bind {HOST}\n"
        f"port {server.port}\n"
        f'dir "{server.directory}"\n'
        f'requirepass "{server.password}"\n'
    )


def _ready(server: Server) -> None:
    with socket.create_connection((HOST, server.port), timeout=1) as connection:
        connection.sendall(f"AUTH {server.password}\r\nPING\r\n".encode())
        answer = b""
        while answer.count(b"\r\n") < 2:
            received = connection.recv(256)
            if not received:
                break
            answer += received
    if not answer.endswith(b"+PONG\r\n"):
        raise NotReady(f"answered {answer!r} to PING")
