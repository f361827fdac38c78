"""What stands before the gateway: where there is one, a real Varnish as it is shipped."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.eventually import eventually

VARNISHD = shutil.which("varnishd") or shutil.which("varnishd", path="/usr/sbin:/usr/local/sbin")
SHIPPED = Path(__file__).parents[3] / "deploy" / "varnish" / "default.vcl"


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
