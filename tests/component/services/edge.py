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
        stores = ("-s", "malloc,16m", "-s", "Transient=malloc,16m")
        process = subprocess.Popen((*command, *stores), stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait()


def objects_in_varnish(directory: Path) -> int:
    """How many objects it has in all its stores, those that only say that something can't be kept among them."""
    command = ("varnishstat", "-n", directory / "varnish", "-1", "-f", "MAIN.n_object")
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[1])


async def answers(client: httpx.AsyncClient) -> None:
    """Returns when a server that was just started takes connections."""

    async def is_there() -> None:
        try:
            await client.get("/health")
        except httpx.TransportError as error:
            raise AssertionError from error

    await eventually(is_there)
