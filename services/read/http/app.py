"""The read service's HTTP application."""

from litestar.handlers import HTTPRouteHandler

from services.read.http.accounts import AccountCases, account_routes
from services.read.http.bytes import DrawPlaceholder, Sender, bytes_routes
from services.read.http.docs import docs_routes
from services.read.http.explaining import Explain, explaining_routes
from services.read.http.images import ListImages, LookUp, image_routes
from services.read.http.objects import Fetch, object_routes
from services.read.ports import Clock
from services.shared.health import Dependency, Storage, health_routes
from services.shared.principals import Identify


def routes(
    *,
    identify: Identify,
    accounts: AccountCases,
    look_up: LookUp,
    list_images: ListImages,
    fetch: Fetch,
    explain: Explain,
    draw_placeholder: DrawPlaceholder,
    max_age: int,
    clock: Clock,
    dependencies: tuple[Dependency, ...],
    storage: Storage | None = None,
) -> list[HTTPRouteHandler]:
    """Every route of the service, bound to its use cases."""
    return [
        *image_routes(identify, look_up, list_images),
        *bytes_routes(Sender(identify, look_up, draw_placeholder, max_age, clock)),
        *account_routes(identify, accounts),
        *object_routes(fetch),
        *explaining_routes(explain),
        *docs_routes(),
        *health_routes("read", dependencies, storage),
    ]
