"""How every HTTP service makes its Litestar application."""

from collections.abc import Sequence

from litestar import Litestar
from litestar.handlers import BaseRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme
from litestar.types import ASGIApp

from infrastructure import env
from services.shared.cross_origin import CrossOrigin
from services.shared.observing import Observed
from services.shared.options import Options
from services.shared.origins import CrossOriginConfig
from services.shared.problems import answer_exception

API_VERSION = "1.0.0"
"""Version of the public HTTP API, not of the program."""

JSON_LIMIT = 64 << 10
"""Bytes of a request body that is read whole; an upload's form is streamed past this, with limits of its own."""

BEARER_SCHEME = SecurityScheme(
    type="http",
    scheme="bearer",
    description="The token of a login (`chs_...`) or an API key (`chk_...`) in the header Authorization.",
)

LINK_SCHEME = SecurityScheme(
    type="apiKey",
    name="signature",
    security_scheme_in="query",
    description=(
        "A signed link, as `POST /api/v1/images/{image_id}/links` answers with: `expires`, `key` and `signature` hold "
        "together, for one address, until they expire or are revoked."
    ),
)


def litestar_app(routes: Sequence[BaseRouteHandler]) -> Litestar:
    """The application of these routes, with problem documents for everything that goes wrong in it."""
    return Litestar(
        route_handlers=list(routes),
        exception_handlers={Exception: answer_exception},
        openapi_config=OpenAPIConfig(
            title="Chitram",
            version=API_VERSION,
            path="/_unused",
            render_plugins=[],
            components=Components(security_schemes={"bearer": BEARER_SCHEME, "link": LINK_SCHEME}),
        ),
        logging_config=None,
        request_max_body_size=JSON_LIMIT,
    )


def observed_app(routes: Sequence[BaseRouteHandler]) -> ASGIApp:
    """What a service serves: the application, each request identified and measured.

    Pages of other origins may use it as the environment says. Raises `ConfigError`.
    """
    app = Options(litestar_app(routes))
    config = env.read(CrossOriginConfig)
    return Observed(CrossOrigin(app, config) if config.origins else app)
