"""The routes that show an account to its owner."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from litestar import Request
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler, route
from litestar.openapi.datastructures import ResponseSpec

from contracts.accounts import KeyList, StatsView, UserView
from contracts.principals import Principal
from services.read.http.images import PRIVATE
from services.shared.answers import Answer, json_answer
from services.shared.principals import BEARER, Identify

READING = [HttpMethod.GET, HttpMethod.HEAD]


class AccountCases(msgspec.Struct, frozen=True):
    """The use cases with their collaborators bound."""

    show_account: Callable[[Principal], Awaitable[UserView]]
    list_keys: Callable[[Principal], Awaitable[KeyList]]
    show_stats: Callable[[Principal], Awaitable[StatsView]]


def account_routes(identify: Identify, cases: AccountCases) -> list[HTTPRouteHandler]:
    """The routes, bound to their use cases."""

    @route(
        "/api/v1/auth/me",
        http_method=READING,
        responses={200: ResponseSpec(UserView, generate_examples=False)},
        security=BEARER,
        summary="One's own account",
        tags=["accounts"],
    )
    async def get_me(request: Request[Any, Any, Any]) -> Answer:
        return json_answer(200, await cases.show_account(await identify(request)), [PRIVATE])

    @route(
        "/api/v1/api-keys",
        http_method=READING,
        responses={200: ResponseSpec(KeyList, generate_examples=False)},
        security=BEARER,
        summary="One's own API keys, without their secrets",
        tags=["accounts"],
    )
    async def get_keys(request: Request[Any, Any, Any]) -> Answer:
        return json_answer(200, await cases.list_keys(await identify(request)), [PRIVATE])

    @route(
        "/api/v1/stats",
        http_method=READING,
        responses={200: ResponseSpec(StatsView, generate_examples=False)},
        security=BEARER,
        summary="How much one holds, and may hold",
        tags=["accounts"],
    )
    async def get_stats(request: Request[Any, Any, Any]) -> Answer:
        return json_answer(200, await cases.show_stats(await identify(request)), [PRIVATE])

    return [get_me, get_keys, get_stats]
