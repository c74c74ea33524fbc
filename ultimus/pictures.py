"""Pictures of any kind -> the 32x32 RGB images that the network takes."""

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from .errors import UserError

SIDE = 32
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
MAX_PIXELS = 50_000_000  # checked before anything is decoded


def read(file: Path | bytes, name: str = "") -> Image.Image:
    """Open a picture as upright RGB; its content decides the format, never its name.

    Args:
        file: a path or the file's bytes.
        name: how an error calls it; the file's name by default.

    Raises:
        UserError: it is no picture of a known format, is damaged, or has too many pixels.
    """
    name = name or getattr(file, "name", "the picture")
    try:
        with Image.open(BytesIO(file) if isinstance(file, bytes) else file, formats=FORMATS) as im:
            if im.width * im.height > MAX_PIXELS:
                raise UserError(
                    f"{name} has {im.width} x {im.height} pixels, more than {MAX_PIXELS:,}: "
                    "use a smaller picture."
                )
            return _opaque(ImageOps.exif_transpose(im))
    except UnidentifiedImageError as error:
        raise UserError(f"{name} is not a picture: use {', '.join(FORMATS)}.") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{name} is damaged and cannot be decoded: replace it.") from error


def _opaque(picture: Image.Image) -> Image.Image:
    """RGB; what is transparent becomes white, as most viewers show it."""
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    picture = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")


def shrink(picture: Image.Image) -> np.ndarray:
    """RGB picture to uint8 (3, 32, 32): the centre square, scaled; a 32x32 one is unchanged."""
    if picture.size != (SIDE, SIDE):
        picture = ImageOps.fit(picture, (SIDE, SIDE), Image.Resampling.LANCZOS)
    return np.asarray(picture).transpose(2, 0, 1)
