"""Which origins' pages may use the API."""

from typing import Annotated

import msgspec

Origin = Annotated[str, msgspec.Meta(pattern=r"^https?://[a-z0-9.-]+(:[0-9]{1,5})?$")]


class CrossOriginConfig(msgspec.Struct, frozen=True):
    """Origins whose pages may use the API, exactly as browsers send them; by default only the API's own."""

    origins: tuple[Origin, ...] = msgspec.field(name="CHITRAM_CORS_ORIGINS", default=())
