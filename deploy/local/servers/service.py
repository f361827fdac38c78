"""Our own services: write, read and worker."""

import http.client
import sys
from pathlib import Path

import msgspec

from deploy.local.part import NotReady, Part
from deploy.local.ports import HOST


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """One process of a service. `name` is `<service>-<number>`, `environment` what all of them are told."""

    name: str
    port: int
    directory: Path
    environment: dict[str, str]

    @property
    def kind(self) -> str:
        """Which service: `write`, `read` or `worker`."""
        return self.name.rpartition("-")[0]

    @property
    def number(self) -> int:
        """Which of its kind, from 1."""
        return int(self.name.rpartition("-")[2])


def part(server: Server) -> Part:
    """The process as a part."""
    own = {
        "CHITRAM_NAME": server.name,
        "CHITRAM_HOST": HOST,
        "CHITRAM_PORT": str(server.port),
        "CHITRAM_REPLICA": str(server.number - 1),
        # Its working directory holds data, no code.
        "PYTHONSAFEPATH": "1",
    }
    return Part(
        name=server.name,
        command=(sys.executable, "-m", f"services.{server.kind}.main"),
        directory=server.directory,
        ports=(server.port,),
        ready=lambda: _ready(server.port),
        environment=server.environment | own,
        stop_seconds=25,
    )


def _ready(port: int) -> None:
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/health/ready")
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
    except http.client.HTTPException as error:
        raise NotReady(f"/health/ready: {error!r}") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise NotReady(f"/health/ready answers {answer.status}: {text[:300]}")
