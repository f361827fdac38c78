"""`chitram openapi`: writes the one public API document, generated from both HTTP services."""

from argparse import Namespace
from pathlib import Path
from typing import Any, NoReturn

import msgspec
from litestar.handlers import HTTPRouteHandler

from services.cli.describe import describe
from services.read.http.accounts import AccountCases as ReadAccountCases
from services.read.http.app import routes as read_routes
from services.shared.apps import litestar_app
from services.shared.problems import Problem
from services.write.gate import Gate
from services.write.http.accounts import AccountCases
from services.write.http.app import routes as write_routes
from services.write.http.images import ImageCases
from services.write.http.keys import KeyCases
from services.write.http.links import LinkCases
from services.write.http.sessions import SessionCases
from services.write.http.uploads import UploadCases

TARGET = Path("contracts/openapi.json")


def run(given: Namespace) -> int:
    """Writes the document, or with `--check` tells whether the one that stands is true. Returns an exit status."""
    document = generate()
    if not given.check:
        TARGET.write_bytes(document)
        return 0
    if TARGET.read_bytes() == document:
        return 0
    print(f"{TARGET} is not what the services answer with. Run `make openapi`.")
    return 1


def generate() -> bytes:
    """The merged document as JSON, the same for the same code."""
    merged, *others = (_described(routes) for routes in (_read_routes(), _write_routes()))
    for other in others:
        for path, operations in other["paths"].items():
            merged["paths"].setdefault(path, {}).update(operations)
        merged["components"]["schemas"].update(other["components"]["schemas"])
    merged["components"]["schemas"].update(msgspec.json.schema_components([Problem], ref_template=_REF)[1])
    describe(merged)
    merged["components"]["schemas"] = dict(sorted(merged["components"]["schemas"].items()))
    merged["paths"] = dict(sorted(merged["paths"].items()))
    return msgspec.json.format(msgspec.json.encode(merged), indent=2) + b"\n"


_REF = "#/components/schemas/{name}"


def _described(routes: list[HTTPRouteHandler]) -> dict[str, Any]:
    return litestar_app(routes).openapi_schema.to_schema()


def _unbound(*_: Any, **__: Any) -> NoReturn:
    raise RuntimeError("these routes are described, not served")


def _read_routes() -> list[HTTPRouteHandler]:
    return read_routes(
        identify=_unbound,
        accounts=ReadAccountCases(*(_unbound for _ in ReadAccountCases.__struct_fields__)),
        look_up=_unbound,
        list_images=_unbound,
        fetch=_unbound,
        explain=_unbound,
        draw_placeholder=_unbound,
        max_age=0,
        clock=_unbound,
        dependencies=(),
    )


def _write_routes() -> list[HTTPRouteHandler]:
    return write_routes(
        identify=_unbound,
        uploads=UploadCases(_unbound, _unbound, Gate(uploads=0, size=0), max_file_size=0),
        images=ImageCases(_unbound, _unbound, _unbound, _unbound),
        accounts=AccountCases(*(_unbound for _ in AccountCases.__struct_fields__)),
        sessions=SessionCases(*(_unbound for _ in SessionCases.__struct_fields__)),
        keys=KeyCases(*(_unbound for _ in KeyCases.__struct_fields__)),
        links=LinkCases(_unbound, _unbound),
        dependencies=(),
    )
