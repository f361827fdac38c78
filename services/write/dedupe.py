"""Who shares stored bytes with whom."""

from enum import StrEnum

from contracts.principals import Principal


class Dedupe(StrEnum):
    """Over how much the same bytes are stored once: everybody's, one owner's, or not at all."""

    GLOBAL = "global"
    OWNER = "owner"
    OFF = "off"


def scope_of(dedupe: Dedupe, principal: Principal) -> str | None:
    """The scope that an upload shares blobs in; None for one that shares with nobody.

    An anonymous caller owns nothing, and two of them need not be the same.
    """
    if dedupe is Dedupe.GLOBAL:
        return "global"
    if dedupe is Dedupe.OWNER and principal.user_id:
        return f"user:{principal.user_id}"
    return None
