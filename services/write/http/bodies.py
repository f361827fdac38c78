"""What requests to the write service carry: read strictly, and described for the OpenAPI document."""

import re
from dataclasses import dataclass
from datetime import datetime

import msgspec
from litestar.openapi.spec import OpenAPIFormat, OpenAPIType, Operation, Schema
from msgspec import UNSET, UnsetType

from contracts.errors import InvalidField, InvalidRequest
from contracts.images import Visibility
from services.write import words
from services.write.change import Change
from services.write.http.json_bodies import body_of, json_operation, read_json

ANY_VERSION = "*"

_version = re.compile(r'"([0-9]{1,18})(?:-owner)?"')


MIN_KEY, MAX_KEY = 16, 128
"""Characters of an Idempotency-Key. Among anonymous callers whoever has key and form gets the answer, so a short one,
which two might choose by chance, is refused."""

_key = re.compile(rf"[!#-~]{{{MIN_KEY},{MAX_KEY}}}")


class ChangeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A change as it comes over HTTP."""

    filename: str | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    tags: list[str] | UnsetType = UNSET
    visibility: Visibility | UnsetType = UNSET
    expires_at: datetime | UnsetType | None = UNSET


def read_change(body: bytes, now: datetime) -> Change:
    """The change in a JSON body.

    Raises `InvalidRequest` when it is no JSON, `InvalidField` when a value can't be taken.
    """
    asked = read_json(body, ChangeBody)
    if asked == ChangeBody():
        raise InvalidField(f"The body names nothing to change. It may have {', '.join(ChangeBody.__struct_fields__)}.")
    return Change(
        filename=UNSET if asked.filename is UNSET else words.filename(asked.filename),
        description=UNSET if asked.description is UNSET else words.description(asked.description),
        tags=UNSET if asked.tags is UNSET else words.tags(asked.tags),
        visibility=asked.visibility,
        expires_at=UNSET if asked.expires_at is UNSET else words.expires_at(asked.expires_at, now),
    )


def read_versions(if_match: str | None) -> frozenset[int] | None:
    """The versions that an If-Match header allows; None allows any.

    A tag that is no version of ours matches none, and neither does a weak one: the comparison is strong.
    """
    if if_match is None or if_match.strip() == ANY_VERSION:
        return None
    found = (_version.fullmatch(tag.strip()) for tag in if_match.split(","))
    return frozenset(int(match[1]) for match in found if match)


def read_idempotency_key(text: str | None) -> str | None:
    """The key in an Idempotency-Key header, with or without the quotes that its draft standard wants around it.

    Raises `InvalidRequest` when it is too short, too long, or not made of visible ASCII characters.
    """
    if text is None:
        return None
    key = text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
    if not _key.fullmatch(key):
        sentence = f"An Idempotency-Key has {MIN_KEY} to {MAX_KEY} letters, digits and signs; a UUID will do."
        raise InvalidRequest(sentence, header="Idempotency-Key")
    return key


_ONE_TAG = f"[^,]{{0,{words.MAX_TAG}}}"

UPLOAD_FORM = Schema(
    type=OpenAPIType.OBJECT,
    required=["file"],
    properties={
        "file": Schema(
            type=OpenAPIType.STRING,
            format=OpenAPIFormat.BINARY,
            description="JPEG, PNG, GIF, WebP or AVIF, and HEIC where the service is installed with its decoder",
        ),
        "description": Schema(type=OpenAPIType.STRING, max_length=words.MAX_DESCRIPTION),
        "tags": Schema(
            type=OpenAPIType.STRING,
            pattern=f"^{_ONE_TAG}(,{_ONE_TAG}){{0,{words.MAX_TAGS - 1}}}$",
            description=f"Separated by commas, at most {words.MAX_TAGS}",
        ),
        "visibility": Schema(type=OpenAPIType.STRING, enum=[*Visibility], default="public"),
        "keep_metadata": Schema(
            type=OpenAPIType.BOOLEAN,
            default=False,
            description="true to store the file as it is; else EXIF, XMP, comments and the like are taken out",
        ),
        "expires_in": Schema(
            type=OpenAPIType.INTEGER,
            minimum=1,
            maximum=int(words.LONGEST_LIFE.total_seconds()),
            description="Seconds after which it is gone",
        ),
    },
)

PICTURES = "image/jpeg, image/png, image/gif, image/webp, image/avif, image/heic"
"""What a file is meant to be. Its bytes decide what it is, whatever the form calls it."""

ChangeOperation = json_operation(
    at_least=1,
    filename=Schema(type=OpenAPIType.STRING, max_length=words.MAX_FILENAME),
    description=Schema(type=[OpenAPIType.STRING, OpenAPIType.NULL], max_length=words.MAX_DESCRIPTION),
    tags=Schema(
        type=OpenAPIType.ARRAY,
        items=Schema(type=OpenAPIType.STRING, pattern=f"^{_ONE_TAG}$"),
        max_items=words.MAX_TAGS,
    ),
    visibility=Schema(type=OpenAPIType.STRING, enum=[*Visibility]),
    expires_at=Schema(
        type=[OpenAPIType.STRING, OpenAPIType.NULL],
        format=OpenAPIFormat.DATE_TIME,
        description="When it is gone: a time in the next ten years, or null for never",
    ),
)


@dataclass
class UploadOperation(Operation):
    """Tells the OpenAPI document about the form, which we parse ourselves as it streams in."""

    def __post_init__(self) -> None:
        self.request_body = body_of("multipart/form-data", UPLOAD_FORM, file=PICTURES)
