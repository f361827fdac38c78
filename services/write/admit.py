"""Deciding whether the body of an upload is worth reading."""

from contracts.principals import Principal
from services.shared.throttle import Throttle
from services.write.ownership import require_right_to_upload


async def admit(principal: Principal, *, anonymous: bool, uploads: Throttle) -> None:
    """Passes for who may upload here and has not done so too often.

    `anonymous` says whether callers without an account may. Raises `Unauthorized`, `Forbidden`, `RateLimitExceeded`,
    `Unavailable`.
    """
    require_right_to_upload(principal, anonymous=anonymous)
    await uploads(principal, 1)
