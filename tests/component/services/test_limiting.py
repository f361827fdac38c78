"""What happens to callers who ask for too much."""

import asyncio

import httpx

from contracts.principals import CredentialKind
from deploy.local import ports
from services.read.main import open_app as open_read
from services.shared.tokens import new_token
from services.write.main import open_app as open_write
from tests.component.services.looking import IMAGES, objects, upload
from tests.pictures import jpeg

HOUR = "3600"


def picture() -> dict:
    return {"file": ("a.jpg", jpeg())}


async def test_uploads_beyond_the_rate_are_refused_and_told_when_to_come_back(serve, storage):
    """429 with the headers that say how much there is and when; nothing of them is kept."""
    write = await serve(open_write, CHITRAM_RATE_UPLOADS_ANONYMOUS=f"2/{HOUR}")
    for _ in range(2):
        await upload(write, jpeg())
    answer = await write.post(f"{IMAGES}/upload", files=picture())
    assert (answer.status_code, answer.json()["code"]) == (429, "RATE_LIMIT_EXCEEDED")
    assert 1700 < int(answer.headers["retry-after"]) <= 1800
    assert (answer.headers["ratelimit-limit"], answer.headers["ratelimit-remaining"]) == ("2", "0")
    assert 1800 < int(answer.headers["ratelimit-reset"]) <= 3600
    assert len(await objects(storage)) == 2


async def test_two_services_count_together(serve):
    """A caller gets no more by being sent to another one."""
    rate = {"CHITRAM_RATE_UPLOADS_ANONYMOUS": f"10/{HOUR}"}
    one, two = await serve(open_write, **rate), await serve(open_write, **rate)
    answers = []
    for _ in range(6):
        calls = (write.post(f"{IMAGES}/upload", files=picture()) for write in (one, two))
        answers += await asyncio.gather(*calls)
    assert sorted(answer.status_code for answer in answers) == [201] * 10 + [429] * 2


async def test_networks_are_told_apart_by_what_the_gateway_says(serve):
    """What a client claims in front of it does not count."""
    write = await serve(open_write, CHITRAM_RATE_UPLOADS_ANONYMOUS=f"1/{HOUR}")

    async def status(forwarded: str) -> int:
        answer = await write.post(f"{IMAGES}/upload", files=picture(), headers={"x-forwarded-for": forwarded})
        return answer.status_code

    assert await status("203.0.113.1") == 201
    assert await status("198.51.100.9, 203.0.113.1") == 429
    assert await status("203.0.113.2") == 201
    assert await status("2001:db8::1") == 201
    assert await status("2001:db8::2") == 429


async def test_reads_beyond_the_rate_are_refused(serve):
    """Of any kind, whether there is what was asked for or not; health is none of them."""
    read = await serve(open_read, CHITRAM_RATE_READS_ANONYMOUS=f"3/{HOUR}")
    paths = (IMAGES, f"{IMAGES}/none", f"{IMAGES}/none/file", IMAGES)
    assert [(await read.get(path)).status_code for path in paths] == [200, 404, 404, 429]
    assert (await read.get("/health/live")).status_code == 200


async def test_large_pictures_cost_more_than_small_ones(serve):
    """They are priced in megapixels."""
    write = await serve(open_write, CHITRAM_RATE_MEGAPIXELS_ANONYMOUS=f"3/{HOUR}")
    await upload(write, jpeg(1600, 1200))
    answer = await write.post(f"{IMAGES}/upload", files={"file": ("a.jpg", jpeg(1600, 1200))})
    assert answer.status_code == 429
    await upload(write, jpeg())


async def test_guesses_at_tokens_are_counted(serve):
    """A token that does not hold costs its network a call."""
    write = await serve(open_write, CHITRAM_RATE_CHANGES_ANONYMOUS=f"3/{HOUR}")
    wrong = {"authorization": f"Bearer {new_token(CredentialKind.SESSION)}"}
    answers = [await write.post("/api/v1/api-keys", json={"name": "a"}, headers=wrong) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429]


async def test_while_redis_is_away_uploads_go_on_or_not_as_configured(serve):
    """By default being counted matters less than being served."""
    (port,) = ports.choose(1)
    away = {"CHITRAM_REDIS_URL": f"redis://127.0.0.1:{port}/0", "CHITRAM_RATE_UPLOADS_ANONYMOUS": f"1/{HOUR}"}
    write = await serve(open_write, **away)
    for _ in range(3):
        await upload(write, jpeg())
    strict = await serve(open_write, **away, CHITRAM_RATE_ON_ERROR="refuse")
    answer = await strict.post(f"{IMAGES}/upload", files=picture())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_an_upload_too_many_is_told_so_before_its_body_is_read(serve):
    """503 with Retry-After while others are in hand; another call is answered meanwhile."""
    write = await serve(open_write, CHITRAM_UPLOADS_IN_HAND="1")
    begun, over = asyncio.Event(), asyncio.Event()

    async def slow_body():
        yield b"--b\r\n"
        begun.set()
        await over.wait()
        yield b"--b--\r\n"

    headers = {"content-type": "multipart/form-data; boundary=b"}
    first = asyncio.create_task(write.post(f"{IMAGES}/upload", content=slow_body(), headers=headers))
    await begun.wait()
    refused: httpx.Response | None = None
    async with asyncio.timeout(20):
        while refused is None or refused.status_code != 503:  # the first one is on its way to the service
            refused = await write.post(f"{IMAGES}/upload", files=picture())
    assert refused.headers["retry-after"] == "1"
    assert (await write.get("/health/live")).status_code == 200
    over.set()
    assert (await first).status_code == 400
    await upload(write, jpeg())
