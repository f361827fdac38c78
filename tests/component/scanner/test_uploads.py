"""What becomes of uploads when there is a scanner."""

import pytest

from services.write.main import open_app
from tests.component.scanner.conftest import FOUND, MARK
from tests.component.services.conftest import serve, storage, unhurried  # noqa: F401 - fixtures
from tests.component.services.looking import IMAGES, objects, rows, upload
from tests.eventually import eventually
from tests.pictures import jpeg

TIMEOUT = {"CHITRAM_SCANNER_TIMEOUT": "7"}


async def test_what_the_scanner_finds_is_refused_and_leaves_nothing(serve, clamd, storage, database):  # noqa: F811
    """With its name; what is looked at is what would be stored, so a comment that is taken out does no harm."""
    write = await serve(open_app, CHITRAM_SCANNER=clamd, **TIMEOUT)
    bad = jpeg(comment=MARK)

    async def is_refused() -> None:
        answer = await write.post(f"{IMAGES}/upload", files={"file": ("a.jpg", bad)}, data={"keep_metadata": "true"})
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_IMAGE")
        assert answer.json()["details"] == {"scanner": FOUND}

    await eventually(is_refused)
    assert await objects(storage) == {}
    assert await rows(database, "SELECT id FROM blobs") == []
    assert (await upload(write, bad))["metadata_stripped"] is True
    await eventually(lambda: health_tells(write, "ok"))
    assert 'scans_total{outcome="found"}' in (await write.get("/metrics")).text


async def health_tells(write, state: str) -> None:
    """Asserts that all is well with the service, and so it is with its scanner or not."""
    health = await write.get("/health/ready")
    assert (health.status_code, health.json()["dependencies"]["scanner"]) == (200, state)


@pytest.mark.parametrize(("policy", "status"), [("", 503), ("refuse", 503), ("accept", 201)])
async def test_a_scanner_that_is_down_follows_the_policy(serve, database, policy, status):  # noqa: F811
    """Refused unless it was said otherwise; health tells, and everything else goes on."""
    write = await serve(open_app, CHITRAM_SCANNER="clamd://127.0.0.1:1", CHITRAM_SCANNER_ON_ERROR=policy)
    answer = await write.post(f"{IMAGES}/upload", files={"file": ("a.jpg", jpeg())})
    assert answer.status_code == status
    if status == 503:
        assert answer.json()["code"] == "SERVICE_UNAVAILABLE"
        assert answer.headers["retry-after"]
    assert len(await rows(database, "SELECT id FROM blobs")) == (status == 201)
    await eventually(lambda: health_tells(write, "down"))
