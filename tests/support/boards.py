"""What a page sends to the browser on its boards."""

import base64
import html
import json
import re
from typing import Any

import numpy as np
from streamlit.testing.v1 import AppTest


def parts(page: AppTest) -> list[dict[str, Any]]:
    """Every figure and piece of HTML, in order."""
    messages = [each.proto.bytes.decode() for each in page.get("bidi_component")]
    rows = [row for message in messages if message for row in message.split("\n\n")[1:]]
    return [json.loads(text) for row in rows for text in row.split("\n")]


def sent(page: AppTest) -> dict[str, dict[str, Any]]:
    """The figures by their names, each with its words and its height."""
    return {each["name"]: each for each in parts(page) if "figure" in each}


def figures(page: AppTest) -> dict[str, dict[str, Any]]:
    """The figures alone by their names."""
    return {name: each["figure"] for name, each in sent(page).items()}


def numbers(values: list | dict) -> np.ndarray:
    """Numbers of a trace, which plotly may send as bytes."""
    if isinstance(values, list):
        return np.array(values)
    flat = np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"])
    shape = values.get("shape")
    return flat.reshape([int(part) for part in shape.split(",")]) if shape else flat


def group(page: AppTest) -> dict[str, Any]:
    """What the explorer is told of the probe group."""
    (told,) = (each["group"] for each in parts(page) if "group" in each)
    return told


def words(page: AppTest) -> str:
    """What the pieces of HTML say."""
    pieces = (each["html"] for each in parts(page) if "html" in each)
    return html.unescape("\n".join(re.sub(r"<[^>]+>", " ", piece) for piece in pieces))


def told(page: AppTest) -> dict[str, str]:
    """The numbers that pieces of HTML list, by their names."""
    pieces = "".join(each["html"] for each in parts(page) if "html" in each)
    return dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", pieces))
