"""The write service's HTTP application."""

from litestar.handlers import HTTPRouteHandler

from services.shared.health import Dependency, Storage, health_routes
from services.shared.principals import Identify
from services.write.gate import Gate
from services.write.http.accounts import AccountCases, account_routes
from services.write.http.images import Admit, ChangeCase, DeleteCase, RestoreCase, UploadCase, image_routes
from services.write.http.keys import KeyCases, key_routes
from services.write.http.links import LinkCases, link_routes
from services.write.http.sessions import SessionCases, session_routes
from services.write.ports import Clock


def routes(
    *,
    identify: Identify,
    admit: Admit,
    gate: Gate,
    upload: UploadCase,
    change: ChangeCase,
    delete: DeleteCase,
    restore: RestoreCase,
    max_file_size: int,
    clock: Clock,
    accounts: AccountCases,
    sessions: SessionCases,
    keys: KeyCases,
    links: LinkCases,
    dependencies: tuple[Dependency, ...],
    storage: Storage | None = None,
    origin: str = "",
) -> list[HTTPRouteHandler]:
    """Every route of the service, bound to its use cases."""
    return [
        *image_routes(
            identify,
            admit=admit,
            gate=gate,
            upload=upload,
            change=change,
            delete_image=delete,
            restore=restore,
            max_file_size=max_file_size,
            clock=clock,
            origin=origin,
        ),
        *account_routes(identify, accounts),
        *session_routes(identify, sessions),
        *key_routes(identify, keys),
        *link_routes(identify, links),
        *health_routes("write", dependencies, storage),
    ]
