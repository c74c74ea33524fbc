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
                raise Image.DecompressionBombError
            return _rgb(ImageOps.exif_transpose(im))
    except UnidentifiedImageError as error:
        raise UserError(
            f"{name} is not a picture in one of the formats {', '.join(FORMATS)}: convert or "
            "remove it."
        ) from error
    except Image.DecompressionBombError as error:
        raise UserError(
            f"{name} has more than {MAX_PIXELS:,} pixels: use a smaller picture."
        ) from error
    except Exception as error:  # decoders meet damaged bytes with exceptions of many kinds
        raise UserError(f"{name} is damaged and cannot be decoded: replace it.") from error


def _rgb(picture: Image.Image) -> Image.Image:
    """RGB of 8 bits; what is transparent becomes white, as most viewers show it."""
    if picture.mode.startswith("I"):  # 16-bit grey, which Pillow's convert would clip at 255
        picture = Image.fromarray((np.asarray(picture) // 257).clip(0, 255).astype(np.uint8))
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    picture = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")


def shrink(picture: Image.Image) -> np.ndarray:
    """RGB picture to uint8 (3, 32, 32): the centre square, scaled; a 32x32 one is unchanged."""
    if picture.size != (SIDE, SIDE):
        picture = ImageOps.fit(picture, (SIDE, SIDE), Image.Resampling.LANCZOS)
    return np.array(np.asarray(picture).transpose(2, 0, 1), order="C")
