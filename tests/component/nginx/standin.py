"""An HTTP server that answers as a test tells it and remembers what it was asked."""

from collections.abc import Awaitable, Callable

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse] | web.StreamResponse]


class StandIn:
    """Listens on a free port of the loopback address; `answer` may be changed at any time."""

    def __init__(self, answer: Answer) -> None:
        """`answer` gets each request."""
        self.answer = answer
        self.asked: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.port = 0
        self._runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=0.1)

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listens, on the port of the first time if there was one."""
        self._runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Refuses connections from now on."""
        await self._runner.cleanup()

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", self._serve)
        return app

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        self.bodies.append(await request.read())
        answer = self.answer(request)
        return await answer if isinstance(answer, Awaitable) else answer
