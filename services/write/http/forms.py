"""Reading an upload's multipart form as it streams in.

The file goes to a spool and through SHA-256 on the way; nothing is held twice and every part has a bound.
"""

import hashlib
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from tempfile import TemporaryFile
from typing import Any, BinaryIO, cast

from litestar import Request
from litestar.exceptions import InternalServerException
from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from contracts.errors import FileTooLarge, InvalidField, InvalidRequest, MissingFile, Unavailable
from contracts.images import Visibility
from services.write import words
from services.write.draft import Draft

SPOOL_IN_MEMORY = 1 << 20
"""Bytes of a body up to which its file is kept in memory; a larger one goes to a temporary file."""

MAX_FIELD = 16 << 10
MAX_PARTS = 20
"""Bounds of a form besides its file: bytes of a field, number of parts."""

MAX_OVERHEAD = MAX_PARTS * (MAX_FIELD + (8 << 10))
"""Bytes that a form can have besides its file, headers of its parts included."""

FILE_FIELD = "file"


def declared_size(request: Request[Any, Any, Any], max_file_size: int) -> int:
    """Bytes of the body that is to come, as many as there can be where that isn't said.

    Raises `FileTooLarge` when its file can't be within the limit.
    """
    most = max_file_size + MAX_OVERHEAD
    size = int(request.headers.get("content-length", most))
    if size > most:
        raise FileTooLarge(limit=max_file_size)
    return size


@asynccontextmanager
async def receive_draft(request: Request[Any, Any, Any], size: int, max_file_size: int) -> AsyncIterator[Draft]:
    """The draft that a request carries, in a body of at most `size` bytes; its spool is gone when the context ends.

    Raises `InvalidRequest` for a body that is no form or ends early, `MissingFile`, `FileTooLarge`, `InvalidField`,
    and `Unavailable` when there is no room for the spool.
    """
    spool = _spool(size)
    try:
        yield await _receive(request, _Form(spool, max_file_size))
    finally:
        with suppress(OSError):  # closing writes what is left, and a full disk has been told of already
            spool.close()


def _spool(size: int) -> BinaryIO:
    """Memory for a small body; for a large one a file without a name."""
    if size <= SPOOL_IN_MEMORY:
        return io.BytesIO()
    try:
        return cast("BinaryIO", TemporaryFile())
    except OSError as error:
        raise Unavailable from error


async def _receive(request: Request[Any, Any, Any], form: "_Form") -> Draft:
    try:
        with PushMultipartParser(_boundary(request), max_segment_count=MAX_PARTS) as parser:
            async for chunk in request.stream():
                if chunk:
                    for event in parser.parse(chunk):
                        form.take(event)
        return form.draft()
    except MultipartError:  # what it says is about the parser, not for the caller
        raise InvalidRequest("The body is not a whole multipart form.") from None
    except InternalServerException:  # how the framework says that the client went away
        raise InvalidRequest("The upload ended before the form was whole.") from None
    except OSError as error:
        raise Unavailable from error


def _boundary(request: Request[Any, Any, Any]) -> str:
    kind, options = parse_options_header(request.headers.get("content-type", ""))  # type: ignore[no-untyped-call]
    if kind != "multipart/form-data" or not options.get("boundary"):
        raise MissingFile
    return str(options["boundary"])


class _Form:
    """Collects the parts of one form."""

    def __init__(self, spool: BinaryIO, max_file_size: int) -> None:
        self._spool = spool
        self._max_file_size = max_file_size
        self._digest = hashlib.sha256()
        self._size = 0
        self._filename: str | None = None
        self._part: str | None = None
        self._field = bytearray()
        self._fields: dict[str, str] = {}

    def take(self, event: MultipartSegment | bytearray | None) -> None:
        """Takes what the parser found: the head of a part, some of its bytes, or (None) its end."""
        if isinstance(event, MultipartSegment):
            self._begin(event)
        elif event is None:
            self._end()
        elif self._part == FILE_FIELD:
            self._take_bytes(event)
        else:
            self._take_field(event)

    def draft(self) -> Draft:
        """The draft, once all parts are in."""
        if self._filename is None:
            raise MissingFile
        self._spool.seek(0)
        return Draft(
            file=self._spool,
            sha256=self._digest.hexdigest(),
            filename=words.filename(self._filename),
            description=words.description(self._fields.get("description")),
            tags=words.tags([self._fields.get("tags", "")]),
            visibility=_visibility(self._fields.get("visibility", "")),
            keep_metadata=_is_true(self._fields.get("keep_metadata", ""), "keep_metadata"),
            expires_in=words.expires_in(self._fields.get("expires_in", "")),
        )

    def _begin(self, segment: MultipartSegment) -> None:
        self._part = segment.name or ""
        self._field.clear()
        if self._part == FILE_FIELD:
            if self._filename is not None:
                raise InvalidField("The form has more than one file.", field=FILE_FIELD)
            self._filename = segment.filename or ""

    def _take_bytes(self, chunk: bytearray) -> None:
        self._size += len(chunk)
        if self._size > self._max_file_size:
            raise FileTooLarge(limit=self._max_file_size)
        self._digest.update(chunk)
        self._spool.write(chunk)

    def _take_field(self, chunk: bytearray) -> None:
        self._field += chunk
        if len(self._field) > MAX_FIELD:
            raise InvalidField("A field of the form is too long.", field=self._part, limit=MAX_FIELD)

    def _end(self) -> None:
        if self._part != FILE_FIELD and self._part is not None:
            self._fields[self._part] = self._field.decode(errors="replace")


def _visibility(text: str) -> Visibility:
    """Who may see the image; everybody, unless it is said."""
    try:
        return Visibility(text or Visibility.PUBLIC)
    except ValueError:
        raise InvalidField("The visibility is “public”, “unlisted” or “private”.", field="visibility") from None


def _is_true(text: str, field: str) -> bool:
    """A form's way to say yes or no; nothing is no."""
    word = text.strip().lower()
    if word not in {"", "true", "false", "1", "0"}:
        raise InvalidField(f"The field {field} is “true” or “false”.", field=field)
    return word in {"true", "1"}
