"""A picture that a person brings."""

import io

from PIL import Image


def picture(color: str = "red") -> bytes:
    """A PNG of one colour, in no proportion of a network's."""
    file = io.BytesIO()
    Image.new("RGB", (61, 43), color).save(file, "PNG")
    return file.getvalue()
