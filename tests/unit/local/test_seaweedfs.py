"""Making buckets on a server that is not quite there."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from deploy.local.servers import seaweedfs
from deploy.local.trouble import Trouble


class Waking(http.server.BaseHTTPRequestHandler):
    """Answers every role of SeaweedFS; the first `failures` requests get 503."""

    failures = 0
    made: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self._answer(200, b'{"Entries": []}')

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self._answer(201)

    def do_POST(self) -> None:
        if type(self).failures <= 0:
            self.made.append(self.path)
        self._answer(201)

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, status: int, body: bytes = b"") -> None:
        kind = type(self)
        good = kind.failures <= 0
        kind.failures -= 1
        self.send_response(status if good else 503)
        self.send_header("content-length", str(len(body) if good else 0))
        self.end_headers()
        self.wfile.write(body if good else b"")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[seaweedfs.Server]:
    """A server whose roles all listen on one port."""
    waking = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Waking)
    Waking.made = []
    serving = threading.Thread(target=waking.serve_forever)
    serving.start()
    yield seaweedfs.Server(
        name="seaweedfs",
        ports=seaweedfs.Ports(*[waking.server_port] * 8),
        directory=tmp_path,
        keys=tmp_path / "keys.json",
        access_key="chitram",
        secret_key="of-seaweedfs",
    )
    waking.shutdown()
    serving.join()
    waking.server_close()


def test_a_server_that_can_not_write_yet_is_asked_again(server):
    """After a crash its filer answers before its volumes do."""
    Waking.failures = 3
    seaweedfs.make_buckets(server, ("one", "two"))
    assert Waking.made == ["/buckets/one/", "/buckets/two/"]


def test_a_server_that_never_writes_is_told_of(server):
    """With a sentence for the person who started it, not a traceback."""
    Waking.failures = 1_000_000
    with pytest.raises(Trouble, match="no buckets within 0 seconds"):
        seaweedfs.make_buckets(server, ("one",), patience=0)
