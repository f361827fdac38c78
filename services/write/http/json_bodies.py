"""JSON bodies, read strictly: what is no JSON is 400, a value that can't be taken 422."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec
from litestar.openapi.spec import Encoding, OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema

from contracts.errors import InvalidField, InvalidRequest

B = TypeVar("B", bound=msgspec.Struct)


def read_json(body: bytes, kind: type[B]) -> B:
    """The struct in a body, however deep or strange the body is. Raises `InvalidRequest`, `InvalidField`."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise InvalidField(f"The body can't be taken: {error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidRequest("The body is not JSON.") from None


def body_of(media_type: str, schema: Schema, **parts: str) -> RequestBody:
    """A required body, as the OpenAPI document describes it; `parts` are media types of a form's parts by name."""
    encoding = {name: Encoding(content_type=media_types) for name, media_types in parts.items()}
    return RequestBody(content={media_type: OpenAPIMediaType(schema=schema, encoding=encoding or None)}, required=True)


def json_operation(
    required: Sequence[str] = (), *, at_least: int | None = None, **properties: Schema
) -> type[Operation]:
    """Tells the OpenAPI document about a JSON body, with `at_least` so many members, that we read ourselves."""

    @dataclass
    class JsonOperation(Operation):
        def __post_init__(self) -> None:
            schema = Schema(
                type=OpenAPIType.OBJECT,
                properties=dict(properties),
                required=list(required),
                min_properties=at_least,
                additional_properties=False,
            )
            self.request_body = body_of("application/json", schema)

    return JsonOperation
