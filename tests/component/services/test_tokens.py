"""Every answer to a change carries a consistency token."""

from uuid import UUID

from contracts.consistency import decode_token
from tests.component.services.looking import IMAGES, rows
from tests.pictures import jpeg


async def test_every_change_is_answered_with_a_token(write, database):
    """201, 200 and 204 name the image, the version it got and a position after the commit, in header and cookie."""
    answer = await write.post(f"{IMAGES}/upload", files={"file": ("a.jpg", jpeg())})
    view = answer.json()
    proof = {"x-delete-token": view["delete_token"]}
    answers = [
        answer,
        await write.patch(f"{IMAGES}/{view['id']}", json={"description": "new"}, headers=proof),
        await write.delete(f"{IMAGES}/{view['id']}", headers=proof),
    ]
    assert [answer.status_code for answer in answers] == [201, 200, 204]
    tokens = [decode_token(answer.headers["x-consistency-token"]) for answer in answers]
    assert [answer.cookies["chitram_consistency"] for answer in answers] == [
        answer.headers["x-consistency-token"] for answer in answers
    ]
    assert {token.subject_id for token in tokens} == {UUID(view["id"])}
    assert [token.version for token in tokens] == [1, 2, 3]
    assert sorted(token.lsn for token in tokens) == [token.lsn for token in tokens]
    ((now,),) = await rows(database, "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint")
    assert 0 < tokens[-1].lsn <= now
