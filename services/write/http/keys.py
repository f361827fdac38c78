"""The routes that make and revoke API keys."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response, delete, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath

from contracts.accounts import NewKeyView, new_key_view
from contracts.errors import NotFound
from contracts.principals import Principal
from services.shared.answers import NO_STORE, Answer, json_answer, no_content
from services.shared.consistency import token_headers
from services.shared.ids import id_in_path
from services.shared.principals import BEARER, Identify, require_session
from services.write.http.account_bodies import KeyOperation, read_key
from services.write.http.budget import budget
from services.write.make_key import MadeKey
from services.write.ports import Clock


class KeyCases(msgspec.Struct, frozen=True):
    """The use cases with their collaborators bound."""

    make_key: Callable[..., Awaitable[MadeKey]]
    revoke_key: Callable[[UUID, Principal], Awaitable[str]]
    clock: Clock


def key_routes(identify: Identify, cases: KeyCases) -> list[HTTPRouteHandler]:
    """The routes, bound to their use cases."""
    return [_make_route(identify, cases), _revoke_route(identify, cases)]


def _make_route(identify: Identify, cases: KeyCases) -> HTTPRouteHandler:
    @post(
        "/api/v1/api-keys",
        operation_class=KeyOperation,
        responses={201: ResponseSpec(NewKeyView, generate_examples=False, description="The key, shown this once")},
        security=BEARER,
        summary="Make an API key",
        tags=["accounts"],
    )
    async def post_key(request: Request[Any, Any, Any]) -> Answer:
        principal = await identify(request)
        user_id = require_session(principal)
        wish = read_key(await request.body(), cases.clock())
        async with budget():
            made = await cases.make_key(wish.name, wish.scopes, wish.expires_at, principal)
        return json_answer(201, new_key_view(made.key, made.secret), [NO_STORE, *token_headers(user_id, 1, made.lsn)])

    return post_key


def _revoke_route(identify: Identify, cases: KeyCases) -> HTTPRouteHandler:
    @delete("/api/v1/api-keys/{key_id:str}", security=BEARER, summary="Revoke an API key", tags=["accounts"])
    async def delete_key(request: Request[Any, Any, Any], key_id: FromPath[str]) -> Response[None]:
        principal = await identify(request)
        user_id = require_session(principal)
        known = id_in_path(key_id, NotFound)
        async with budget():
            lsn = await cases.revoke_key(known, principal)
        return no_content(token_headers(user_id, 1, lsn))

    return delete_key
