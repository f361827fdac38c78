"""The routes that begin and end sessions."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from litestar import Request, Response, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec

from contracts.accounts import SessionView, user_view
from contracts.principals import Principal
from services.shared.answers import NO_STORE, Answer, json_answer, no_content
from services.shared.consistency import token_headers
from services.shared.principals import BEARER, Identify, require_session, unidentified
from services.write.http.account_bodies import LoginBody, LoginOperation
from services.write.http.budget import budget
from services.write.http.json_bodies import read_json
from services.write.log_in import LoggedIn


class SessionCases(msgspec.Struct, frozen=True):
    """The use cases with their collaborators bound."""

    log_in: Callable[[str, str, Principal], Awaitable[LoggedIn]]
    log_out: Callable[[Principal], Awaitable[str]]


def session_routes(identify: Identify, cases: SessionCases) -> list[HTTPRouteHandler]:
    """The routes, bound to their use cases."""
    return [_login_route(cases), _logout_route(identify, cases)]


def _login_route(cases: SessionCases) -> HTTPRouteHandler:
    @post(
        "/api/v1/auth/login",
        status_code=200,
        operation_class=LoginOperation,
        responses={200: ResponseSpec(SessionView, generate_examples=False, description="A token, shown this once")},
        summary="Get a token for a password",
        tags=["accounts"],
    )
    async def post_login(request: Request[Any, Any, Any]) -> Answer:
        principal = unidentified(request)  # a token that holds no more must not keep anybody from getting another
        asked = read_json(await request.body(), LoginBody)
        async with budget():
            found = await cases.log_in(asked.email, asked.password, principal)
        session = SessionView(user_view(found.user), found.token, "bearer", found.expires_at)
        return json_answer(200, session, [NO_STORE, *token_headers(found.user.id, 1, found.lsn)])

    return post_login


def _logout_route(identify: Identify, cases: SessionCases) -> HTTPRouteHandler:
    @post(
        "/api/v1/auth/logout",
        status_code=204,
        security=BEARER,
        summary="End the session: its token holds nowhere any more",
        tags=["accounts"],
    )
    async def post_logout(request: Request[Any, Any, Any]) -> Response[None]:
        principal = await identify(request)
        user_id = require_session(principal)
        async with budget():
            lsn = await cases.log_out(principal)
        return no_content(token_headers(user_id, 1, lsn))

    return post_logout
