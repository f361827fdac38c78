"""The write service's composition root: opens the rooms in order, binds them to the use cases, serves.

Run as `python -m services.write.main`.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import uuid_utils.compat
from litestar.types import ASGIApp

from infrastructure import env
from infrastructure.imaging.config import ImagingLimits
from infrastructure.imaging.intake import take_in
from infrastructure.nats.audience import open_audience
from infrastructure.nats.config import NatsConfig
from infrastructure.nats.connection import open_nats
from infrastructure.postgres.config import PrimaryConfig
from infrastructure.postgres.ledger import Ledger
from infrastructure.postgres.primary import open_primary
from infrastructure.postgres.replaying import Replaying
from infrastructure.storage.config import StorageConfig
from infrastructure.storage.open import open_storage
from services.shared.apps import observed_app
from services.shared.bounds import Bounds
from services.shared.clock import utc_now
from services.shared.health import Dependency, holds
from services.shared.running import run
from services.write.change import change
from services.write.config import WriteConfig
from services.write.delete import delete
from services.write.http.app import routes
from services.write.ownership import new_delete_token
from services.write.settle import settle
from services.write.upload import upload


@asynccontextmanager
async def open_app() -> AsyncIterator[ASGIApp]:
    """The application, with everything that it stands on open for as long as the block runs."""
    config = env.read(WriteConfig)
    limits = env.read(ImagingLimits)
    async with AsyncExitStack() as rooms:
        primary = await rooms.enter_async_context(open_primary(env.read(PrimaryConfig)))
        storage = await rooms.enter_async_context(open_storage(env.read(StorageConfig)))
        nats = await rooms.enter_async_context(
            open_nats(env.read(NatsConfig), consumers=(), within=1.0, required=False)
        )
        audience = await rooms.enter_async_context(open_audience(nats))
        ledger = Ledger(primary, clock=utc_now, new_id=uuid_utils.compat.uuid7)
        settling = partial(settle, audience=audience, replicas=Replaying(config.replicas), bounds=env.read(Bounds))
        yield observed_app(
            routes(
                upload=partial(
                    upload,
                    take_in=partial(take_in, limits=limits),
                    ready=primary.ping,
                    objects=storage.objects,
                    ledger=ledger,
                    clock=utc_now,
                    new_id=uuid_utils.compat.uuid7,
                    new_token=new_delete_token,
                ),
                change=partial(change, ledger=ledger),
                delete=partial(delete, ledger=ledger, settle=settling),
                max_file_size=config.max_file_size,
                dependencies=(
                    Dependency("postgres primary", primary.ping),
                    Dependency("nats", holds(lambda: nats.is_connected), essential=False),
                    Dependency("storage", holds(lambda: storage.objects.is_writable)),
                    *(
                        Dependency(f"shard {name}", shard.ping, essential=False)
                        for name, shard in storage.shards.items()
                    ),
                ),
            )
        )


if __name__ == "__main__":
    run(open_app)
