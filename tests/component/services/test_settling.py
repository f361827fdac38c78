"""A deletion that is answered is final, whoever of the read services is away."""

import httpx

from infrastructure import env
from infrastructure.nats import bucket
from infrastructure.nats.config import NatsConfig
from infrastructure.nats.connection import open_nats
from services.write.main import open_app
from tests.component.services.looking import IMAGES, upload
from tests.eventually import eventually
from tests.pictures import jpeg


async def settled(write: httpx.AsyncClient, how: str) -> float:
    """How many changes were settled in this way, in this process."""
    text = (await write.get("/metrics")).text
    found = [line for line in text.splitlines() if line.startswith(f'changes_settled_total{{how="{how}"}}')]
    return float(found[0].split()[-1]) if found else 0.0


async def delete(write: httpx.AsyncClient) -> int:
    view = await upload(write, jpeg())
    answer = await write.delete(f"{IMAGES}/{view['id']}", headers={"x-delete-token": view["delete_token"]})
    return answer.status_code


async def test_a_deletion_waits_for_the_lease_of_a_read_service_that_is_gone(write, server_environment):
    """Once: the record of a lease that nobody renews is removed."""
    config = env.read(NatsConfig, server_environment)
    async with open_nats(config) as nats:
        lost = bucket.encode(bucket.Record(None, 0))
        await nats.session().js.publish(bucket.key_subject(config.prefix, "gone-1"), lost)
        lapsed, heard = await settled(write, "lapsed"), await settled(write, "heard")
        assert [await delete(write), await delete(write)] == [204, 204]
        assert (await settled(write, "lapsed"), await settled(write, "heard")) == (lapsed + 1, heard + 1)


async def test_without_nats_a_deletion_is_final_when_all_leases_have_run_out(serve):
    """It takes a lease, and is answered."""
    write = await serve(open_app, CHITRAM_NATS_SERVERS="nats://127.0.0.1:1", CHITRAM_LEASE="0.3")
    outwaited = await settled(write, "outwaited")
    assert await delete(write) == 204
    assert await settled(write, "outwaited") == outwaited + 1

    async def is_told() -> None:
        health = await write.get("/health/ready")
        assert (health.status_code, health.json()["dependencies"]["nats"]) == (200, "down")

    await eventually(is_told)
