"""The routes that make, change and end accounts."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from litestar import Request, Response, delete, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec

from contracts.accounts import Receipt, User, UserView, user_view
from contracts.principals import Principal
from services.shared.answers import NO_STORE, Answer, json_answer, no_content
from services.shared.consistency import token_headers
from services.shared.principals import BEARER, Identify, require_session, unidentified
from services.write.http.account_bodies import (
    LoginBody,
    PasswordBody,
    PasswordOperation,
    ProofBody,
    ProofOperation,
    RegisterOperation,
)
from services.write.http.budget import budget
from services.write.http.json_bodies import read_json


class AccountCases(msgspec.Struct, frozen=True):
    """The use cases with their collaborators bound."""

    register: Callable[[str, str, Principal], Awaitable[tuple[User, str]]]
    change_password: Callable[[str, str, Principal], Awaitable[str]]
    leave: Callable[[str, Principal], Awaitable[tuple[Receipt, str]]]


def account_routes(identify: Identify, cases: AccountCases) -> list[HTTPRouteHandler]:
    """The routes, bound to their use cases."""
    return [_register_route(cases), _password_route(identify, cases), _leave_route(identify, cases)]


def _register_route(cases: AccountCases) -> HTTPRouteHandler:
    @post(
        "/api/v1/auth/register",
        operation_class=RegisterOperation,
        responses={201: ResponseSpec(UserView, generate_examples=False, description="The new account")},
        summary="Make an account",
        tags=["accounts"],
    )
    async def post_register(request: Request[Any, Any, Any]) -> Answer:
        principal = unidentified(request)
        asked = read_json(await request.body(), LoginBody)
        async with budget():
            user, lsn = await cases.register(asked.email, asked.password, principal)
        return json_answer(201, user_view(user), [NO_STORE, *token_headers(user.id, 1, lsn)])

    return post_register


def _password_route(identify: Identify, cases: AccountCases) -> HTTPRouteHandler:
    @post(
        "/api/v1/auth/password",
        status_code=204,
        operation_class=PasswordOperation,
        security=BEARER,
        summary="Change the password, and end all other sessions",
        tags=["accounts"],
    )
    async def post_password(request: Request[Any, Any, Any]) -> Response[None]:
        principal = await identify(request)
        user_id = require_session(principal)
        asked = read_json(await request.body(), PasswordBody)
        async with budget():
            lsn = await cases.change_password(asked.current_password, asked.new_password, principal)
        return no_content(token_headers(user_id, 1, lsn))

    return post_password


def _leave_route(identify: Identify, cases: AccountCases) -> HTTPRouteHandler:
    @delete(
        "/api/v1/auth/me",
        status_code=200,
        operation_class=ProofOperation,
        responses={200: ResponseSpec(Receipt, generate_examples=False, description="What was deleted")},
        security=BEARER,
        summary="Delete the account and all its images, for good",
        tags=["accounts"],
    )
    async def delete_me(request: Request[Any, Any, Any]) -> Answer:
        principal = await identify(request)
        user_id = require_session(principal)
        asked = read_json(await request.body(), ProofBody)
        async with budget():
            receipt, lsn = await cases.leave(asked.password, principal)
        return json_answer(200, receipt, [NO_STORE, *token_headers(user_id, 2, lsn)])

    return delete_me
