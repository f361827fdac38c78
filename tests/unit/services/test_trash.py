"""What deleting and restoring decide, whoever asks."""

from datetime import timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest
from msgspec.structs import replace

from contracts.errors import Forbidden, ImageNotFound, Unauthorized, VersionConflict
from contracts.events import ImageChanged, ImageDeleted, ImageRestored, ImageTrashed
from contracts.principals import ANONYMOUS, Principal, Scope
from infrastructure.postgres.changes import deed_of, kind_of
from services.shared.tokens import token_hash
from services.write.delete import delete
from services.write.restore import restore
from tests.unit import samples
from tests.unit.samples import NOON

OWNER, OTHER, ADMIN = Principal(uuid4()), Principal(uuid4()), Principal(uuid4(), scopes=frozenset(Scope))
MONTH = timedelta(days=30)
TOKEN = "a token"


class Rows:
    """One image, what became of it, and what was settled."""

    def __init__(self, **changes):
        self.image = samples.image(**{"owner_id": OWNER.user_id, **changes})
        self.settled = 0

    async def withdraw(self, image_id, decide, *, by):
        change = {"trashed_at": NOON} if decide(self._stored) else {"deleted_at": NOON}
        return self._changed(replace(self.image, **change))

    async def update(self, image_id, decide, *, by):
        return self._changed(decide(self._stored))

    @property
    def _stored(self):
        if self.image.deleted_at:
            raise ImageNotFound
        return SimpleNamespace(image=self.image, delete_token_hash=token_hash(TOKEN))

    def _changed(self, image):
        self.image = replace(image, version=image.version + 1)
        return SimpleNamespace(image=self.image, event=None, lsn="0/1")

    async def delete(self, principal, *, permanent=False, trash=MONTH, token=None, versions=None):
        """What is left where the caller deletes: the image in the trash, or nothing."""

        async def settle(event, lsn):
            self.settled += 1

        await delete(
            self.image.id,
            principal,
            token=token,
            versions=versions,
            permanent=permanent,
            trash=trash,
            ledger=self,
            settle=settle,
            clock=lambda: NOON,
        )
        return "gone" if self.image.deleted_at else "in the trash"

    async def restore(self, principal, versions=None):
        await restore(self.image.id, principal, versions=versions, ledger=self, clock=lambda: NOON)
        return self.image


async def test_ones_own_goes_to_the_trash():
    """And is settled like any deletion; unless it is to be permanent, or there is no trash."""
    rows = Rows()
    assert await rows.delete(OWNER) == "in the trash"
    assert rows.settled == 1
    assert await Rows().delete(OWNER, permanent=True) == "gone"
    assert await Rows().delete(OWNER, trash=timedelta()) == "gone"


async def test_what_is_anothers_or_nobodys_is_deleted_for_good():
    """What an admin takes away its owner must not bring back, and for an anonymous image nobody can come back."""
    assert await Rows().delete(ADMIN) == "gone"
    assert await Rows(owner_id=None).delete(ANONYMOUS, token=TOKEN) == "gone"
    assert await Rows(owner_id=None).delete(OWNER, token=TOKEN) == "gone"
    assert await Rows(owner_id=ADMIN.user_id).delete(ADMIN) == "in the trash"


async def test_what_is_in_the_trash_is_only_deleted_for_good():
    """By its owner or an admin; otherwise it is as if it were not there."""
    for principal in (OWNER, ADMIN, OTHER):
        rows = Rows(trashed_at=NOON)
        with pytest.raises(ImageNotFound):
            await rows.delete(principal)
        assert rows.image.deleted_at is None
    assert await Rows(trashed_at=NOON).delete(OWNER, permanent=True) == "gone"
    assert await Rows(trashed_at=NOON).delete(ADMIN, permanent=True) == "gone"


async def test_what_was_restored_is_as_it_was():
    """By its owner or an admin, in a new version; asking twice is no harm."""
    for principal in (OWNER, ADMIN):
        rows = Rows(trashed_at=NOON, description="words")
        for version in (2, 3):
            assert await rows.restore(principal) == replace(rows.image, trashed_at=None, version=version)
        assert rows.image.description == "words"


@pytest.mark.parametrize(
    ("changes", "principal", "error"),
    [
        ({}, OTHER, ImageNotFound),
        ({}, ANONYMOUS, Unauthorized),
        ({}, Principal(OWNER.user_id, scopes=frozenset({Scope.READ})), Forbidden),
        ({"deleted_at": NOON}, OWNER, ImageNotFound),
        ({"expires_at": NOON}, OWNER, ImageNotFound),
        ({"owner_id": None}, ADMIN, ImageNotFound),
    ],
)
async def test_what_can_not_be_restored_is_not_there(changes, principal, error):
    """That of others, what is deleted for good, whose time is over, or which is nobody's."""
    with pytest.raises(error):
        await Rows(**{"trashed_at": NOON, **changes}).restore(principal)


async def test_a_version_that_is_not_meant_is_not_restored():
    """As for any change, by If-Match."""
    rows = Rows(trashed_at=NOON, version=4)
    with pytest.raises(VersionConflict):
        await rows.restore(OWNER, frozenset({3}))
    assert (await rows.restore(OWNER, frozenset({4}))).trashed_at is None


LIVING, TRASHED = samples.image(), samples.image(trashed_at=NOON)


@pytest.mark.parametrize(
    ("before", "after", "kind", "action"),
    [
        (LIVING, TRASHED, ImageTrashed, "image.trashed"),
        (TRASHED, LIVING, ImageRestored, "image.restored"),
        (LIVING, LIVING, ImageChanged, "image.changed"),
        (TRASHED, TRASHED, ImageChanged, "image.changed"),
        (LIVING, replace(LIVING, deleted_at=NOON), ImageDeleted, "image.deleted"),
        (TRASHED, replace(TRASHED, deleted_at=NOON), ImageDeleted, "image.deleted"),
    ],
)
def test_each_step_has_an_event_and_an_entry_of_its_own(before, after, kind, action):
    """Into the trash, out of it, and gone for good, from wherever."""
    assert kind_of(before, after) is kind
    assert deed_of(before, after).action == action
