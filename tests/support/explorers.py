"""What the explorer's component is told, and what it then fetches."""

import gzip
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import Response
from streamlit.testing.v1 import AppTest

from ultimus.ui.server import scenes


def told(page: AppTest, name: str = "attention") -> dict[str, Any]:
    """What a page tells its explorer."""
    assert not page.exception
    found = [each.proto for each in page.get("bidi_component")]
    (proto,) = (each for each in found if each.component_name == f"ultimus_{name}")
    return json.loads(proto.json)


def request(query: str = "", **path: str) -> Request:
    return Request(
        {"type": "http", "query_string": query.encode(), "headers": [], "path_params": path}
    )


def content(answer: Response) -> dict[str, Any]:
    """The JSON of an answer."""
    assert answer.status_code == 200, answer.body
    return json.loads(gzip.decompress(answer.body))


def opening(address: str) -> dict[str, Any]:
    """What a browser gets at the address of a scene."""
    parts = urlsplit(address)
    return content(scenes.opening(request(parts.query, run=parts.path.rsplit("/", 1)[-1])))


def images(address: str) -> list[int]:
    """The pictures that such an address names."""
    return [int(part) for part in parse_qs(urlsplit(address).query)["images"][0].split(",")]
