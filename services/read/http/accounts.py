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


class AccountCases(msgspec.Struct, frozen=True):
    """The use cases with their collaborators bound."""

    show_account: Callable[[Principal], Awaitable[UserView]]
    list_keys: Callable[[Principal], Awaitable[KeyList]]
    show_stats: Callable[[Principal], Awaitable[StatsView]]


def account_routes(identify: Identify, cases: AccountCases) -> list[HTTPRouteHandler]:
    """The routes, bound to their use cases."""
    return [
        _own_route("/api/v1/auth/me", UserView, identify, cases.show_account, summary="One's own account"),
        _own_route(
            "/api/v1/api-keys", KeyList, identify, cases.list_keys, summary="One's own API keys, without their secrets"
        ),
        _own_route("/api/v1/stats", StatsView, identify, cases.show_stats, summary="How much one holds, and may hold"),
    ]


def _own_route(
    path: str,
    kind: type[msgspec.Struct],
    identify: Identify,
    show: Callable[[Principal], Awaitable[msgspec.Struct]],
    *,
    summary: str,
) -> HTTPRouteHandler:
    """A route that shows what is the caller's own."""

    @route(
        path,
        http_method=[HttpMethod.GET, HttpMethod.HEAD],
        name=path,
        responses={200: ResponseSpec(kind, generate_examples=False, description="As it is now")},
        security=BEARER,
        summary=summary,
        tags=["accounts"],
    )
    async def get_own(request: Request[Any, Any, Any]) -> Answer:
        return json_answer(200, await show(await identify(request)), [PRIVATE])

    return get_own
