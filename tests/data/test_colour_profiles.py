"""Pictures have the colours that their files mean, as a colour-managed viewer shows them."""

import struct
from io import BytesIO

import numpy as np
import pytest
from hostile.pictures import chunk, encoded
from PIL import Image, ImageCms
from support import profiles

from ultimus.data import colour_profiles, image_files
from ultimus.data.colour_profiles import MAX_PROFILE, SRGB, Meaning, rgb_profile

SIZE = (320, 64)
PAINTS = ((220, 40, 40), (40, 170, 60), (40, 70, 210), (224, 172, 140), (110, 160, 220))
CLOSE = 6  # of 255
RGB_PROFILES = {
    "display p3": profiles.display_p3(),
    "adobe rgb": profiles.adobe_rgb(),
    "prophoto": profiles.prophoto(),
}
LOSSLESS = {
    "PNG": {}, "TIFF": {}, "WEBP": {"lossless": True},
    "JPEG": {"quality": 97, "subsampling": 0}, "AVIF": {"quality": 97, "subsampling": "4:4:4"},
}  # fmt: skip


def painted(mode: str = "RGB") -> Image.Image:
    pixels = np.zeros((64, 320, 3), np.uint8)
    for place, paint in enumerate(PAINTS):
        pixels[:, 64 * place : 64 * place + 64] = paint
    picture = Image.fromarray(pixels)
    if mode in ("RGBA", "LA"):
        picture = picture.convert(mode)
        picture.putalpha(Image.linear_gradient("L").resize(SIZE).point(lambda a: max(a, 30)))
        return picture
    return picture.convert(mode)


def managed(content: bytes, profile: bytes) -> np.ndarray:
    """What a colour-managed viewer shows."""
    with Image.open(BytesIO(content)) as picture:
        return by_profile(picture.copy(), profile)


def by_profile(picture: Image.Image, profile: bytes) -> np.ndarray:
    source = ImageCms.ImageCmsProfile(BytesIO(profile))
    made = ImageCms.profileToProfile(
        picture, source, ImageCms.createProfile("sRGB"), 1, outputMode="RGB"
    )
    return np.asarray(made)


def off(picture: Image.Image, viewer: np.ndarray) -> int:
    return int(np.abs(np.asarray(picture).astype(int) - viewer).max())


@pytest.mark.parametrize("name", RGB_PROFILES)
@pytest.mark.parametrize("form", LOSSLESS)
def test_an_embedded_profile_is_followed(name, form):
    profile = RGB_PROFILES[name]
    content = encoded(painted(), form, icc_profile=profile, **LOSSLESS[form])
    read = image_files.reading(content)
    viewer = managed(content, profile)
    assert off(read.picture, viewer) <= 1 and read.notes == ()
    assert off(painted(), viewer) > 20  # so it matters
    seen = image_files.shrink(read.picture)
    assert np.array_equal(seen, image_files.shrink(Image.fromarray(np.asarray(read.picture))))
    with Image.open(BytesIO(image_files.preview(read.picture))) as shown:
        middles = np.s_[32, 32::64]  # away from edges, as it is a JPEG
        assert np.abs(np.asarray(shown).astype(int) - viewer)[middles].max() <= CLOSE


def test_a_palette_has_the_colours_of_its_profile():
    content = encoded(painted().quantize(5), "PNG", icc_profile=profiles.prophoto())
    viewer = by_profile(painted(), profiles.prophoto())
    assert off(image_files.read(content), viewer) <= CLOSE


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF"])
def test_what_is_transparent_stays_so(form):
    picture, profile = painted("RGBA"), profiles.display_p3()
    content = encoded(picture, form, icc_profile=profile, **LOSSLESS[form])
    opaque = Image.fromarray(by_profile(picture.convert("RGB"), profile))
    opaque.putalpha(picture.getchannel("A"))
    white = Image.new("RGBA", SIZE, "white")
    viewer = np.asarray(Image.alpha_composite(white, opaque).convert("RGB"))
    assert off(image_files.read(content), viewer) <= 2


@pytest.mark.parametrize("mode", ["L", "LA", "1", "I;16"])
def test_grey_follows_a_profile_for_grey(mode):
    profile = profiles.grey(1.0)  # as light is, so that it looks much brighter
    grey = painted("L")
    viewer = by_profile(grey, profile).astype(float)
    stored = grey
    if mode == "I;16":
        stored = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    elif mode == "1":
        stored = grey.convert("1")
        viewer = np.asarray(stored.convert("RGB")).astype(float)
    elif mode == "LA":
        stored = painted("LA")
        alpha = np.asarray(stored.getchannel("A"))[..., None] / 255
        viewer = viewer * alpha + 255 * (1 - alpha)
    content = encoded(stored, "PNG", icc_profile=profile)
    assert off(image_files.read(content), viewer) <= 2
    if mode != "1":
        assert np.abs(viewer - np.asarray(grey)[..., None]).max() > 30


@pytest.mark.parametrize("mode", ["L", "LA", "I;16"])
def test_grey_may_have_a_profile_for_colours(mode):
    grey, profile = painted("L"), profiles.prophoto()
    stored = grey
    if mode == "I;16":
        stored = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    elif mode == "LA":
        stored = grey.convert("LA")
    content = encoded(stored, "PNG", icc_profile=profile)
    assert off(image_files.read(content), by_profile(grey.convert("RGB"), profile)) <= 2


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_cmyk_follows_its_profile(form):
    profile = profiles.cmyk()
    content = encoded(painted("CMYK"), form, icc_profile=profile, **LOSSLESS[form])
    read = image_files.reading(content)
    viewer = managed(content, profile)
    assert off(read.picture, viewer) <= 1 and read.notes == ()
    assert off(painted(), viewer) > 40


def test_cmyk_without_a_profile_is_read_and_noted():
    read = image_files.reading(encoded(painted("CMYK"), "JPEG", quality=97, subsampling=0))
    assert off(read.picture, np.asarray(painted())) <= 8
    assert read.notes == (colour_profiles.CMYK_ALONE,)


def test_a_large_picture_follows_its_profile_before_it_is_made_smaller():
    dots = np.zeros((1200, 1400, 3), np.uint8)
    dots[::2, ::2] = dots[1::2, 1::2] = 255  # grey from afar, by as much light as sRGB's middle
    profile = profiles.prophoto()
    read = image_files.read(encoded(Image.fromarray(dots), "PNG", icc_profile=profile))
    whole = Image.fromarray(by_profile(Image.fromarray(dots), profile))
    assert np.abs(image_files.shrink(read).astype(int) - image_files.shrink(whole)).max() <= 2


# Without a profile --------------------------------------------------------------------------------


def png_with(*chunks: bytes) -> bytes:
    whole = encoded(painted(), "PNG")
    return whole[:33] + b"".join(chunks) + whole[33:]


def gamma(value: float) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", round(value * 1e5)))


def where(values: tuple[float, ...]) -> bytes:
    return chunk(b"cHRM", struct.pack(">8I", *(round(each * 1e5) for each in values)))


P3 = (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
BT2020 = (0.3127, 0.3290, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046)


@pytest.mark.parametrize(
    ("chunks", "profile"),
    [
        ([gamma(1.0)], rgb_profile(SRGB, (1.0,))),
        ([gamma(1 / 1.8)], rgb_profile(SRGB, (1.8,))),
        ([gamma(1 / 2.2), where(P3)], rgb_profile(P3, (2.2,))),
        ([chunk(b"cICP", bytes([12, 13, 0, 1]))], rgb_profile(P3, colour_profiles.CURVES[13])),
        ([chunk(b"cICP", bytes([9, 1, 0, 1]))], rgb_profile(BT2020, colour_profiles.CURVES[1])),
        (
            [chunk(b"cICP", bytes([12, 13, 0, 1])), gamma(1.0)],
            rgb_profile(P3, colour_profiles.CURVES[13]),
        ),
    ],
)
def test_a_png_says_what_its_numbers_mean(chunks, profile):
    read = image_files.reading(png_with(*chunks))
    viewer = by_profile(painted(), profile)
    assert off(read.picture, viewer) <= 1 and read.notes == ()
    assert off(painted(), viewer) > 10


@pytest.mark.parametrize(
    "chunks",
    [
        [],
        [gamma(0.45455)],
        [gamma(0.45455), where(SRGB)],
        [chunk(b"sRGB", b"\0"), gamma(1.0)],
        [chunk(b"cICP", bytes([1, 13, 0, 1]))],
        [where(P3)],
    ],
)
def test_what_is_srgb_keeps_every_pixel(chunks):
    read = image_files.reading(png_with(*chunks))
    assert off(read.picture, np.asarray(painted())) == 0 and read.notes == ()


def test_the_made_profile_of_srgb_is_srgb():
    viewer = by_profile(painted(), rgb_profile(SRGB, colour_profiles.CURVES[13]))
    assert off(painted(), viewer) <= 1


def test_an_avif_says_by_number_what_its_colours_are():
    content = encoded(painted(), "AVIF", quality=100, subsampling="4:4:4")
    place = content.index(b"colrnclx") + 8
    p3 = content[:place] + struct.pack(">HH", 12, 13) + content[place + 4 :]
    viewer = by_profile(image_files.read(content), rgb_profile(P3, colour_profiles.CURVES[13]))
    assert off(image_files.read(p3), viewer) <= 1


def test_high_dynamic_range_is_noted():
    read = image_files.reading(png_with(chunk(b"cICP", bytes([9, 16, 0, 1]))))
    assert read.notes == (colour_profiles.HDR,)


# Profiles that are not followed -------------------------------------------------------------------


def with_steps() -> bytes:
    steps = b"mpet\0\0\0\0" + struct.pack(">HHI", 3, 3, 400_000)
    tag = profiles.profile(b"RGB ", b"XYZ ", b"mntr", D2B1=steps)
    return tag


WHOLE = profiles.display_p3()


@pytest.mark.parametrize(
    "profile",
    [
        b"no profile", WHOLE[:140], WHOLE[:200], WHOLE[:-7], bytes(500), profiles.cmyk(),
        profiles.grey(), with_steps(), WHOLE[:12] + b"link" + WHOLE[16:],
        WHOLE[:128] + struct.pack(">I", 2**31) + WHOLE[132:],
    ],
)  # fmt: skip
def test_a_profile_that_cannot_be_used_is_left_and_noted(profile):
    read = image_files.reading(encoded(painted(), "PNG", icc_profile=profile))
    assert off(read.picture, np.asarray(painted())) == 0
    assert read.notes == (colour_profiles.UNREADABLE,)


def test_a_profile_may_have_as_many_bytes_as_are_followed():
    fits = WHOLE + bytes(MAX_PROFILE - len(WHOLE))
    assert image_files.reading(encoded(painted(), "PNG", icc_profile=fits)).notes == ()
    beyond = encoded(painted(), "PNG", icc_profile=fits + b"\0")
    assert image_files.reading(beyond).notes == (colour_profiles.UNREADABLE,)


@pytest.mark.parametrize(
    "meaning",
    [Meaning(gamma=0.001), Meaning(0.5, (0,) * 8), Meaning(0.5, (0.3,) * 8), Meaning(primaries=99)],
)
def test_numbers_that_mean_nothing_are_left_and_noted(meaning):
    convert, note = colour_profiles.colours("RGB", b"", meaning)
    assert off(convert(painted()), np.asarray(painted())) == 0
    assert note == colour_profiles.UNREADABLE
