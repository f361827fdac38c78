"""What the OpenAPI document says beyond the routes: problems, headers, conditional requests, what follows a change.

All of it holds for whole kinds of operations, so it is told by rules, and a new route has it by being of a kind.
"""

from typing import Any

Node = dict[str, Any]
"""A part of the document."""

IMAGES = "/api/v1/images"
IMAGE, UPLOAD = f"{IMAGES}/{{image_id}}", f"{IMAGES}/upload"
REGISTER, LOGIN = "/api/v1/auth/register", "/api/v1/auth/login"
READS = {"get", "head"}

TOKEN = "X-Consistency-Token"  # noqa: S105 - a header's name
TEXT: Node = {"type": "string"}
NUMBER: Node = {"type": "integer", "minimum": 0}

HEADERS: dict[str, tuple[str, Node]] = {
    "Accept-Ranges": ("`bytes`: parts can be asked for.", TEXT),
    "Cache-Control": ("Who may keep the answer, and for how long.", TEXT),
    "Cache-Tag": ("As `Surrogate-Key`.", TEXT),
    "Content-Disposition": ("What a download is called (RFC 6266), and whether it is one.", TEXT),
    "Content-Range": ("Which bytes of how many these are.", TEXT),
    "ETag": ("What the answer is the state of, for conditional requests.", TEXT),
    "Last-Modified": ("When the bytes were taken in.", TEXT),
    "Location": ("Path of the new picture.", {"type": "string", "format": "uri-reference"}),
    "RateLimit-Limit": ("How much may be asked in a period.", NUMBER),
    "RateLimit-Remaining": ("How much of it is left.", NUMBER),
    "RateLimit-Reset": ("Seconds after which all of it may be asked again.", NUMBER),
    "Retry-After": ("Seconds after which to try again.", NUMBER),
    "Set-Cookie": ("The consistency token again, for browsers: `chitram_consistency`.", TEXT),
    "Surrogate-Key": ("What a shared cache keeps the bytes under: the image's id. Not with private images.", TEXT),
    "Vary": ("`accept` where that decides the format.", TEXT),
    "WWW-Authenticate": ("`Bearer`.", TEXT),
    "X-Chitram-Placeholder": ("`1`: the thumbnail is still being made, and this stands in for it.", TEXT),
    TOKEN: ("Stands for this change. A read that brings it back sees no older state; a cookie has the same.", TEXT),
    "X-Request-ID": ("Names the request in the logs: the one that was sent, if it was sane.", TEXT),
}
OF_A_PICTURE = {"Content-Disposition", "ETag", "Last-Modified", "Vary", "X-Chitram-Placeholder"}
OF_A_PICTURE |= {"Accept-Ranges", "Cache-Tag", "Surrogate-Key"}
OF_PROBLEMS = {
    401: {"WWW-Authenticate"},
    429: {"Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"},
    503: {"Retry-After"},
}
NEEDED = {"X-Request-ID", TOKEN, "Location", "WWW-Authenticate", "Retry-After"}
"""Never missing where they are told of."""

PROBLEMS = {
    400: "The request can't be meant: its form, a parameter, or the picture in it",
    401: "The token does not hold, or there is none and one is needed",
    403: "The caller may not do this, or has no room for it",
    404: "There is nothing here, or nothing that the caller may see",
    409: "It clashes with what is there: the e-mail address is taken, the Idempotency-Key was used for something else",
    412: "The state is another one than the request is meant for",
    413: "The body is too large",
    416: "The range lies outside the file",
    422: "A field of the body has a value that can't be taken",
    429: "There were too many requests",
    503: "A part that this needs is not there just now; `detail` says where it may have been done nevertheless",
}
CLASHING = {UPLOAD, REGISTER}

PARAMETERS = {
    TOKEN: "From the answer to a change: the answer to this is not older than that.",
    "If-Match": "Only if this is its state, as in `ETag`; else 412.",
    "If-None-Match": "Only if this is not its state any more, as in `ETag`; else 304.",
    "If-Modified-Since": "Only if it is newer than this date; else 304. Counts where there is no `If-None-Match`.",
    "If-Unmodified-Since": "Only if it is not newer than this date; else 412. Counts where there is no `If-Match`.",
    "Range": "Which bytes, `bytes=0-999` for example; several ranges are answered with as many parts.",
}
TOKEN_PATTERN = "^[A-Za-z0-9_-]{44}$"  # noqa: S105 - what it looks like


def describe(document: Node) -> None:
    """Completes a document that has all routes, in place."""
    components = document["components"]
    components["headers"] = {
        name: {"description": text, "required": name in NEEDED, "schema": schema}
        for name, (text, schema) in HEADERS.items()
    }
    components["responses"] = {_name(status): _problem(status) for status in PROBLEMS}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _describe(path, method, operation)
    _link(document["paths"])


def _describe(path: str, method: str, operation: Node) -> None:
    responses = operation["responses"]
    responses.pop("400", None)  # the framework's own, which our handler replaces
    responses.get("204", {}).pop("content", None)  # the framework makes a null of no content
    shows_bytes = "image/*" in responses.get("200", {}).get("content", {})
    for status, response in responses.items():
        response["headers"] = _headers(path, method, int(status), shows_bytes=shows_bytes)
    parameters = [_straightened(parameter) for parameter in operation.get("parameters", ())]
    if method in READS:
        parameters += [_parameter(name) for name in _conditions(path, shows_bytes=shows_bytes)]
    operation["parameters"] = parameters
    names = {parameter["name"] for parameter in parameters}
    if "If-None-Match" in names:
        headers = _refer({"Cache-Control", "ETag", "X-Request-ID"})
        responses["304"] = {"description": "The client's copy is good", "headers": headers}
    if shows_bytes:
        responses["200"]["content"] = {"image/*": {}}
        responses["206"] = {
            "description": "What `Range` asks for",
            "headers": responses["200"]["headers"] | _refer({"Content-Range"}),
            "content": {"image/*": {}, "multipart/byteranges": {}},
        }
    for status in _expected(path, operation, names):
        responses.setdefault(str(status), {"$ref": f"#/components/responses/{_name(status)}"})
    responses["default"] = _problem(None)
    operation["responses"] = dict(sorted(responses.items()))


def _headers(path: str, method: str, status: int, *, shows_bytes: bool) -> Node:
    """What an answer says, in the words of the document."""
    names = {"X-Request-ID"}
    if shows_bytes:
        names |= OF_A_PICTURE
    if method in READS:
        names.add("Cache-Control")
    elif not path.endswith("/links") or method == "delete":  # a new link changes nothing that can be read
        names |= {TOKEN, "Set-Cookie"}
    if status == 200 and path in {IMAGE, f"{IMAGE}/restore"}:
        names.add("ETag")
    if status == 201 and path == UPLOAD:
        names |= {"ETag", "Location"}
    return _refer(names)


def _conditions(path: str, *, shows_bytes: bool) -> list[str]:
    """The headers that a read may bring along."""
    if not path.startswith(IMAGES):
        return []
    if "{image_id}" not in path:
        return [TOKEN]
    return list(PARAMETERS) if shows_bytes else [TOKEN, "If-Match", "If-None-Match"]


def _expected(path: str, operation: Node, parameters: set[str]) -> set[int]:
    """The problems that an operation of this kind can have."""
    expected = {400, 429, 503}
    if operation.get("security") or path == LOGIN:
        expected.add(401)
    if operation.get("security"):
        expected.add(403)
    if "{" in path:
        expected.add(404)
    if "If-Match" in parameters:
        expected.add(412)
    if "Range" in parameters:
        expected.add(416)
    if "requestBody" in operation:
        expected |= {413, 422}
    if path in CLASHING:
        expected.add(409)
    return expected


def _straightened(parameter: Node) -> Node:
    """An optional parameter as it is when it is there: in an address or a header nobody can send a null."""
    schema = dict(parameter["schema"])
    kinds = [kind for kind in schema.pop("oneOf", ()) if kind != {"type": "null"}]
    if "type" not in schema and kinds:
        schema |= kinds[0]
    schema.pop("description", None)  # the parameter has it already
    if parameter["in"] == "path" and parameter["name"].endswith("_id"):
        schema["format"] = "uuid"
    if parameter["in"] == "query" and schema["type"] != "boolean":  # what a form leaves empty is not asked for
        parameter = parameter | {"allowEmptyValue": True}
    return parameter | {"schema": schema}


def _parameter(name: str) -> Node:
    schema = TEXT | {"pattern": TOKEN_PATTERN} if name == TOKEN else TEXT
    return {"name": name, "in": "header", "description": PARAMETERS[name], "required": False, "schema": schema}


def _refer(names: set[str]) -> Node:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in sorted(names)}


def _name(status: int) -> str:
    return f"Problem{status}"


def _problem(status: int | None) -> Node:
    """The answer for one status, or for any that is not told of, from the gateway for example."""
    return {
        "description": PROBLEMS[status] if status else "Whatever else goes wrong, in the same form",
        "headers": _refer({"X-Request-ID", *OF_PROBLEMS.get(status or 0, set())}),
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def _link(paths: Node) -> None:
    """Says which operations take the id that a new picture, or a new key, is answered with."""
    for path, parameter in ((UPLOAD, "image_id"), ("/api/v1/api-keys", "key_id")):
        paths[path]["post"]["responses"]["201"]["links"] = {
            operation["operationId"]: {
                "operationId": operation["operationId"],
                "parameters": {parameter: "$response.body#/id"},
            }
            for below, operations in paths.items()
            if f"{{{parameter}}}" in below
            for operation in operations.values()
        }
