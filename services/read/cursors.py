"""Cursors: a place in a list, as an opaque word.

Inside: the time of creation in microseconds since 1970 (8 bytes) and the id (16 bytes), URL-safe Base64.
"""

import base64
import binascii
from datetime import UTC, datetime, timedelta
from uuid import UUID

from contracts.errors import InvalidCursor
from services.read.ports import Place

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LENGTH = 24


def encode_cursor(place: Place) -> str:
    """The cursor of a place."""
    created_at, image_id = place
    micros = (created_at - EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(micros.to_bytes(8, "big") + image_id.bytes).decode()


def decode_cursor(text: str) -> Place:
    """The place that a cursor stands for. Raises `InvalidCursor` for anything `encode_cursor` did not make."""
    try:
        data = base64.b64decode(text.encode(), altchars=b"-_", validate=True)
        if len(data) != LENGTH:
            raise InvalidCursor
        micros = int.from_bytes(data[:8], "big")
        return EPOCH + timedelta(microseconds=micros), UUID(bytes=data[8:])
    except (ValueError, OverflowError, binascii.Error):
        raise InvalidCursor from None
