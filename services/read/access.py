"""Who may see an image."""

from collections.abc import Callable

from contracts.images import Image, Visibility
from contracts.principals import Principal
from services.shared.links import Link

Opens = Callable[[Link, int], bool]
"""Whether a link opens an image with this link epoch, now."""


def may_see(image: Image, principal: Principal, link: Link | None, *, opens: Opens) -> bool:
    """Everybody what is not private; else its owner, an admin, and who has a link to it."""
    if image.visibility is not Visibility.PRIVATE:
        return True
    if principal.is_user(image.owner_id) or principal.is_admin:
        return True
    return link is not None and opens(link, image.link_epoch)


def visibilities(asked: Visibility | None, *, all_of_them: bool) -> frozenset[Visibility]:
    """What a list shows of those that are asked for, None for any: all of them, or the public ones."""
    wanted = frozenset(Visibility) if asked is None else frozenset({asked})
    return wanted if all_of_them else wanted & {Visibility.PUBLIC}
