"""When an event asks for derivatives."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from contracts.events import ImageUploaded
from contracts.images import Blob, Image, Status
from services.worker.derive import derive

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("state", [Status.READY, None])
async def test_what_is_ready_or_gone_is_not_rendered_again(state):
    """Events come more than once; no object is fetched for those that are settled."""

    class Ledger:
        async def state_of(self, _):
            return state

    blob = Blob(uuid4(), "00" * 32, 1000, "image/jpeg", 40, 30, 1, ("one", "two"))
    image = Image(id=uuid4(), version=1, blob=blob, filename="a.jpg", created_at=NOW, updated_at=NOW)
    await derive(ImageUploaded(uuid4(), NOW, image), objects=None, render=None, ledger=Ledger())
