import asyncio
from concurrent.futures import ThreadPoolExecutor

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from ultimus.ui.server.polls import Polls


def _whose(name: str):
    async def answer(request: Request) -> PlainTextResponse:
        has_session = "session" in request.scope
        return PlainTextResponse(f"{name}, {request.path_params}, session: {has_session}")

    return answer


APP = Starlette(
    routes=[Route("/live/{who}/{step}", _whose("app")), Route("/live/server", _whose("app"))],
    middleware=[
        Middleware(
            Polls,
            routes=[
                Route("/live/{who}/newest", _whose("polled")),
                Route("/live/server", _whose("polled")),
            ],
        ),
        Middleware(SessionMiddleware, secret_key="of this test"),
    ],
)


def ask(path: str, method: str = "GET") -> tuple[int, str]:
    """Status and content of an answer."""
    said = []

    async def receive() -> dict:
        return {"type": "http.request"}

    async def send(message: dict) -> None:
        said.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": [], "query_string": b""}
    with ThreadPoolExecutor(1) as other:  # a browser of other tests may have a loop in this thread
        other.submit(asyncio.run, APP(scope, receive, send)).result()
    return said[0]["status"], b"".join(part.get("body", b"") for part in said).decode()


def test_what_is_polled_is_answered_before_all_else():
    assert ask("/live/server") == (200, "polled, {}, session: False")
    assert ask("/live/a-run/newest") == (200, "polled, {'who': 'a-run'}, session: False")


def test_all_else_is_left_to_the_app():
    assert ask("/live/a-run/7") == (200, "app, {'who': 'a-run', 'step': '7'}, session: True")
    assert ask("/nowhere")[0] == 404
    assert ask("/live/server", "POST")[0] == 405
