"""The route on which `chitram doctor` asks what this service knows of an image. nginx lets nobody come here."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from contracts.errors import ImageNotFound
from services.read.explain import Explanation
from services.shared.answers import NO_STORE, Answer, json_answer
from services.shared.ids import id_in_path

Explain = Callable[[UUID], Awaitable[Explanation]]
"""The use case with its collaborators bound."""


def explaining_routes(explain: Explain) -> list[HTTPRouteHandler]:
    """The route, bound to its use case."""

    @get("/internal/images/{image_id:str}", include_in_schema=False)
    async def get_explanation(image_id: FromPath[str]) -> Answer:
        known = id_in_path(image_id, ImageNotFound)
        return json_answer(200, await explain(known), [NO_STORE])

    return [get_explanation]
