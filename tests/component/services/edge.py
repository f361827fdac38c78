"""What stands before the services: a real gateway and, where there is one, a real Varnish as it is shipped."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from deploy.local import leftovers
from deploy.local.part import start, wait_ready
from deploy.local.servers import nginx
from infrastructure.nginx.render import Gateway
from tests.eventually import eventually

VARNISHD = shutil.which("varnishd") or shutil.which("varnishd", path="/usr/sbin:/usr/local/sbin")
SHIPPED = Path(__file__).parents[3] / "deploy" / "varnish" / "default.vcl"


@contextmanager
def gateway(port: int, read: httpx.AsyncClient, write: httpx.AsyncClient, directory: Path) -> Iterator[None]:
    """nginx on a port, before a read and a write service, while the block runs."""
    server = nginx.Server(
        name="nginx",
        directory=directory / "nginx",
        config=directory / "nginx.conf",
        gateway=Gateway(
            listen=f"127.0.0.1:{port}",
            read=(read.base_url.netloc.decode(),),
            write=(write.base_url.netloc.decode(),),
            max_file_size=1_000_000,
            state=directory / "nginx",
            cache=directory / "cache",
            user=nginx.this_user(),
            workers="1",
            open_files=1024,
        ),
    )
    running = start(nginx.part(server), directory / "nginx.log")
    try:
        wait_ready(running)
        yield
    finally:
        leftovers.end(leftovers.find(server.directory), wish=signal.SIGTERM)
        running.process.wait(10)


@contextmanager
def varnish(port: int, behind: int, directory: Path) -> Iterator[None]:
    """Varnish on a port, before what listens on another one, while the block runs."""
    if VARNISHD is None:
        pytest.skip("needs varnishd: install the distribution's varnish")
    config = directory / "default.vcl"
    config.write_text(SHIPPED.read_text().replace('"8080"', f'"{behind}"'))
    command = (VARNISHD, "-F", "-j", "none", "-n", directory / "varnish", "-a", f"127.0.0.1:{port}", "-f", config)
    with (directory / "varnish.log").open("w") as log:
        process = subprocess.Popen((*command, "-s", "malloc,16m"), stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait()


async def answers(client: httpx.AsyncClient) -> None:
    """Returns when a server that was just started takes connections."""

    async def is_there() -> None:
        try:
            await client.get("/health")
        except httpx.TransportError as error:
            raise AssertionError from error

    await eventually(is_there, within=60)
