"""Where the public fetches bytes."""

from typing import Annotated

import msgspec


class PublicConfig(msgspec.Struct, frozen=True):
    """`origin` begins all addresses of bytes that answers name; without one they are paths on the API's own host."""

    origin: Annotated[str, msgspec.Meta(pattern=r"^(https?://[a-z0-9.-]+(:[0-9]{1,5})?)?$")] = msgspec.field(
        name="CHITRAM_PUBLIC_URL", default=""
    )
