"""Which version of an image a request was meant for."""

from contracts.errors import VersionConflict
from services.write.ports import Stored


def require_version(stored: Stored, versions: frozenset[int] | None) -> None:
    """Passes when the image has one of the versions, and always without any. Raises `VersionConflict`."""
    if versions is not None and stored.image.version not in versions:
        raise VersionConflict(version=stored.image.version)
