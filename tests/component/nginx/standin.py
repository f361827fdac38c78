"""An HTTP server that answers as a test tells it and remembers what it was asked."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from deploy.local import ports

Answer = Callable[[web.Request], Awaitable[web.StreamResponse] | web.StreamResponse]


class StandIn:
    """Listens on a port of the loopback address, always the same; `answer` may be changed at any time."""

    def __init__(self, answer: Answer) -> None:
        """`answer` gets each request."""
        self.answer = answer
        self.asked: list[web.Request] = []
        self.bodies: list[bytes] = []
        (self.port,) = ports.choose(1)  # nobody else takes it while this one is stopped
        self._runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=0.1)

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listens."""
        self._runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()

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
