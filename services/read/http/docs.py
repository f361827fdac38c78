"""The API's own description: the OpenAPI document and a page to browse it, without anything from elsewhere."""

from importlib.resources import files

from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler, route

from services.shared.answers import JSON, Answer

PAGE = b"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Chitram API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<style>
.opblock-head { display: none }
@media (prefers-color-scheme: dark) {
  html { background: #fff; filter: invert(.92) hue-rotate(180deg) }
}
</style>
<div id="api"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</html>
"""

START = b'SwaggerUIBundle({url: "/openapi.json", dom_id: "#api", deepLinking: true, validatorUrl: null});\n'

POLICY = (
    b"content-security-policy",
    b"default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
)
"""Swagger UI writes style attributes and inlines its icons; the page hides HEAD, which is GET again, and can be dark.
Nothing else is allowed."""

CACHED = (b"cache-control", b"public, max-age=3600")


def docs_routes() -> list[HTTPRouteHandler]:
    """The routes of the description; files are read once, here."""
    static = files("swagger_ui") / "static"
    openapi = Answer(200, [JSON, CACHED], (files("contracts") / "openapi.json").read_bytes())
    page = Answer(200, [(b"content-type", b"text/html; charset=utf-8"), POLICY, CACHED], PAGE)
    script = (b"content-type", b"text/javascript; charset=utf-8")
    assets = {
        "start.js": Answer(200, [script, CACHED], START),
        "swagger-ui-bundle.js": Answer(200, [script, CACHED], (static / "swagger-ui-bundle.js").read_bytes()),
        "swagger-ui.css": Answer(
            200, [(b"content-type", b"text/css; charset=utf-8"), CACHED], (static / "swagger-ui.css").read_bytes()
        ),
    }
    return [
        _fixed_route("/openapi.json", openapi),
        _fixed_route("/docs", page),
        *(_fixed_route(f"/docs/{name}", asset) for name, asset in assets.items()),
    ]


def _fixed_route(path: str, answer: Answer) -> HTTPRouteHandler:
    @route(
        path, http_method=[HttpMethod.GET, HttpMethod.HEAD], name=path, include_in_schema=False, sync_to_thread=False
    )
    def fixed() -> Answer:
        return answer

    return fixed
