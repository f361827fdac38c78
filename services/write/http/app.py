"""The write service's HTTP application."""

from litestar.handlers import HTTPRouteHandler

from services.shared.health import Dependency, Storage, health_routes
from services.shared.principals import Identify
from services.write.http.accounts import AccountCases, account_routes
from services.write.http.images import ImageCases, image_routes
from services.write.http.keys import KeyCases, key_routes
from services.write.http.links import LinkCases, link_routes
from services.write.http.sessions import SessionCases, session_routes
from services.write.http.uploads import UploadCases, upload_route


def routes(
    *,
    identify: Identify,
    uploads: UploadCases,
    images: ImageCases,
    accounts: AccountCases,
    sessions: SessionCases,
    keys: KeyCases,
    links: LinkCases,
    dependencies: tuple[Dependency, ...],
    storage: Storage | None = None,
) -> list[HTTPRouteHandler]:
    """Every route of the service, bound to its use cases."""
    return [
        upload_route(identify, uploads),
        *image_routes(identify, images),
        *account_routes(identify, accounts),
        *session_routes(identify, sessions),
        *key_routes(identify, keys),
        *link_routes(identify, links),
        *health_routes("write", dependencies, storage),
    ]
