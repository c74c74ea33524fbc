"""What every browser asks for each second, answered before it passes all that Streamlit puts around
an answer, such as sessions and compression, which takes longer than the answer."""

from collections.abc import Sequence

from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send


class Polls:
    """Answers some routes, and leaves all others to an app.

    Args:
        app: whatever comes next.
        routes: that are answered here, in this order.
    """

    def __init__(self, app: ASGIApp, routes: Sequence[Route]):
        self._app, self._routes = app, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            for route in self._routes:
                match, found = route.matches(scope)
                if match is Match.FULL:
                    await route.handle(scope | found, receive, send)
                    return
        await self._app(scope, receive, send)
