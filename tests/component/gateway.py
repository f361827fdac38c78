"""A real gateway before whatever a test puts behind it."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local import leftovers
from deploy.local.part import Running, start, wait_ready
from deploy.local.servers import nginx
from infrastructure.nginx.render import Gateway


@contextmanager
def gateway(
    port: int, directory: Path, *, read: tuple[str, ...], write: tuple[str, ...], max_file_size: int
) -> Iterator[tuple[nginx.Server, Running]]:
    """nginx on a port, before read and write services at these addresses, while the block runs."""
    server = nginx.Server(
        name="nginx",
        directory=directory / "nginx",
        config=directory / "nginx.conf",
        gateway=Gateway(
            listen=f"127.0.0.1:{port}",
            read=read,
            write=write,
            max_file_size=max_file_size,
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
        yield server, running
    finally:
        leftovers.end(leftovers.find(server.directory), wish=signal.SIGTERM)
        running.process.wait(10)
