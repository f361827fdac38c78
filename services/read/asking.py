"""Who asks, and what he brings along: a token of his own, a consistency token, a signed link."""

import msgspec

from contracts.consistency import ConsistencyToken
from contracts.principals import Principal
from services.shared.links import Link


class Asking(msgspec.Struct, frozen=True):
    """A request for images, as far as it is about rights and freshness."""

    principal: Principal
    token: ConsistencyToken | None = None
    link: Link | None = None
