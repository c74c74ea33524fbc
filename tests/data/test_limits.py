"""Uploads within the limits are taken, the others get one sentence each."""

import pytest

from ultimus import UserError
from ultimus.data import limits


def test_an_upload_within_the_limits_is_taken_in_order():
    files = [("b.png", b"2"), ("a.png", b"1"), ("b.png", b"3")]
    accepted, refusals = limits.admitted(files)
    assert accepted == files and refusals == []


def test_nothing_is_taken_from_nothing():
    assert limits.admitted([]) == ([], [])


def test_a_refused_file_does_not_stop_the_others(refused):
    files = [("empty.png", b""), ("a.png", b"1"), ("big.png", bytes(limits.MAX_FILE_BYTES + 1))]
    accepted, refusals = limits.admitted(files)
    assert accepted == [("a.png", b"1")]
    for refusal, words in zip(refusals, ("empty.png", "big.png is larger than 30 MB"), strict=True):
        with refused(words):
            raise refusal


@pytest.mark.parametrize(("more", "word"), [(1, "1 picture is"), (13, "13 pictures are")])
def test_the_files_beyond_the_count_are_left_out_with_one_sentence(refused, more, word):
    files = [(f"{i}.png", b"x") for i in range(limits.MAX_FILES + more)]
    accepted, (refusal,) = limits.admitted(files)
    assert accepted == files[: limits.MAX_FILES]
    with refused(word, "50"):
        raise refusal


def test_a_session_keeps_a_total(refused):
    files = [("a", b"1" * 7), ("b", b"1" * 7), ("c", b"1" * 3)]
    accepted, (refusal,) = limits.admitted(files, used=limits.MAX_SESSION_BYTES - 11)
    assert [name for name, _ in accepted] == ["a", "c"]
    with refused("1 picture is left out", "200 MB"):
        raise refusal


def test_accepted_names_are_harmless():
    accepted, _ = limits.admitted([("<b>\u202e\n[x](y).png", b"1")])
    assert accepted == [("‹b› (x)(y).png", b"1")]


@pytest.mark.parametrize("size", [1, limits.MAX_FILE_BYTES])
def test_a_file_of_a_size_within_the_limit_passes(size):
    limits.check_file("a", size)


@pytest.mark.parametrize(
    ("width", "height", "most", "passes"),
    [
        (7, 11, 77, True),
        (7, 11, 76, False),
        (limits.MAX_SIDE, 1, limits.MAX_PIXELS, True),
        (1, limits.MAX_SIDE + 1, limits.MAX_PIXELS, False),
    ],
)
def test_pixels_are_limited_by_number_and_by_side(width, height, most, passes):
    if passes:
        limits.check_pixels("a", width, height, most)
    else:
        with pytest.raises(UserError, match=r"^a .* pixels.*: use a smaller picture.$"):
            limits.check_pixels("a", width, height, most)


def test_a_long_name_keeps_its_beginning_and_its_end():
    name = limits.shown("holiday" * 99 + ".jpeg")
    assert len(name) == limits.MAX_NAME
    assert name.startswith("holidayholiday") and name.endswith("holiday.jpeg") and "…" in name


@pytest.mark.parametrize("name", ["IMG_0001.jpg", "Größe 3×4.png", "写真.webp", "a.b-c (1).png"])
def test_an_ordinary_name_stays(name):
    assert limits.shown(name) == name


def test_what_holds_together():
    assert limits.MAX_FILE_BYTES < limits.MAX_SESSION_BYTES
    assert limits.MAX_PIXELS_WHOLE < limits.MAX_PIXELS <= limits.MAX_SIDE**2


def test_a_session_keeps_so_many_pictures(refused):
    files = [(f"{number}.png", b"1") for number in range(5)]
    accepted, (refusal,) = limits.admitted(files, pictures=limits.MAX_SESSION_PICTURES - 2)
    assert [name for name, _ in accepted] == ["0.png", "1.png"]
    with refused("3 pictures are left out", "keeps 200 pictures"):
        raise refusal
