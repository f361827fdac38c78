"""JSON bodies, read strictly: what is no JSON is 400, a value that can't be taken 422."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema

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


def body_of(media_type: str, schema: Schema) -> RequestBody:
    """A required body, as the OpenAPI document describes it."""
    return RequestBody(content={media_type: OpenAPIMediaType(schema=schema)}, required=True)


def json_operation(required: Sequence[str] = (), **properties: Schema) -> type[Operation]:
    """Tells the OpenAPI document about a JSON body that we read ourselves."""

    @dataclass
    class JsonOperation(Operation):
        def __post_init__(self) -> None:
            schema = Schema(
                type=OpenAPIType.OBJECT,
                properties=dict(properties),
                required=list(required),
                additional_properties=False,
            )
            self.request_body = body_of("application/json", schema)

    return JsonOperation
