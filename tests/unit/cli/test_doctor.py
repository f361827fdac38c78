"""`chitram doctor` as people and programs see it."""

import json
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from uuid import UUID, uuid4

import pytest

from infrastructure.postgres.dossier import Record, ReplicaView, SentEvent
from services.cli import doctor, rooms
from services.cli.doctor import Diagnosis, Reader
from services.cli.main import main
from services.worker.diagnose import Copy
from tests.events import make_image

IMAGE = make_image()
EVENT = SentEvent(uuid4(), "image.uploaded.v1", 1, datetime(2026, 1, 1, tzinfo=UTC), None)
RECORD = Record(IMAGE, 1, (EVENT,), "0/16")
COPY = Copy(IMAGE.blob.key, "shard-1", "there", 1000, placed=True, wanted=False)
READERS = {"read-1-abc": Reader("http://a", says={"overlay": None}), "read-2-def": Reader("http://b", problem="hangs")}


def diagnosis(**fields):
    values = {
        "image_id": IMAGE.id,
        "findings": (),
        "record": RECORD,
        "copies": (COPY,),
        "quarantine": ({"id": "e", "consumer": "derive", "reason": "[boom]"},),
        "replicas": (ReplicaView("r:1", "0/16", 0, 1),),
        "readers": READERS,
        "cache": {"version": "1", "as_of": "9"},
    }
    return Diagnosis(**values | fields)


@pytest.fixture
def found(monkeypatch):
    """What the doctor is said to have found."""
    monkeypatch.setattr(rooms, "environment", dict)
    found = {}

    async def diagnose(*_, **__):
        return diagnosis(**found)

    monkeypatch.setattr(doctor, "_diagnose", diagnose)
    return found


def test_everything_is_in_one_answer(found, capsys):
    """The image, its copies, events, replicas, read services, cache and quarantine."""
    assert main(["doctor", str(IMAGE.id)]) == 0
    told = capsys.readouterr().out
    for piece in (IMAGE.blob.sha256, "shard-1", "image.uploaded.v1", "r:1", "read-1-abc", "hangs", "[boom]", "'as_of'"):
        assert piece in told
    assert told.endswith("Everything is as it should be.\n")


def test_what_was_found_comes_last_and_is_the_status(found, capsys):
    """1, so that programs notice."""
    found["findings"] = ("Only one copy.",)
    assert main(["doctor", str(IMAGE.id)]) == 1
    assert capsys.readouterr().out.endswith("Only one copy.\n")


def test_an_image_that_never_was(found, capsys):
    """Its events may be known all the same."""
    found.update(record=Record(None, 0, (), "0/16"), copies=(), cache=None, readers={}, quarantine=())
    assert main(["doctor", str(IMAGE.id)]) == 1
    told = capsys.readouterr().out
    assert "There is no image" in told
    assert "events, newest first: none" in told
    assert "redis  does not answer" in told


def test_for_programs(found, capsys):
    """The same as a document."""
    assert main(["doctor", str(IMAGE.id), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["record"]["image"]["id"] == str(IMAGE.id)
    assert told["readers"]["read-2-def"]["problem"] == "hangs"


class Service(BaseHTTPRequestHandler):
    """A read service that knows one image."""

    def do_GET(self):
        known = self.path == f"/internal/images/{UUID(int=1)}"
        self.send_response(200 if known else 404)
        self.end_headers()
        self.wfile.write(b'{"overlay": 1}')

    def log_message(self, *_):
        pass


def test_read_services_are_asked_where_they_say_they_are():
    """Whatever goes wrong is a problem of that one."""
    with HTTPServer(("127.0.0.1", 0), Service) as server:
        serving = Thread(target=server.serve_forever)
        serving.start()
        address = f"http://127.0.0.1:{server.server_port}"
        assert doctor._ask(address, UUID(int=1)).says == {"overlay": 1}
        assert "404" in doctor._ask(address, UUID(int=2)).problem
        server.shutdown()
        serving.join()
    assert "does not answer" in doctor._ask(address, UUID(int=1)).problem
    assert "doesn't say where it is" in doctor._ask("", UUID(int=1)).problem
