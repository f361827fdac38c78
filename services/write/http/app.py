"""The write service's HTTP application."""

from litestar.handlers import HTTPRouteHandler

from services.shared.health import Dependency, health_routes
from services.write.http.images import ChangeCase, DeleteCase, UploadCase, image_routes


def routes(
    *,
    upload: UploadCase,
    change: ChangeCase,
    delete: DeleteCase,
    max_file_size: int,
    dependencies: tuple[Dependency, ...],
) -> list[HTTPRouteHandler]:
    """Every route of the service, bound to its use cases."""
    return [
        *image_routes(upload=upload, change=change, delete_image=delete, max_file_size=max_file_size),
        *health_routes("write", dependencies),
    ]
