"""No file, whatever it holds, does more harm than a sentence.

See pictures.py for the pictures, checkpoints.py for the checkpoints, harm.py for both.
"""

import re

import numpy as np
import pytest
from hostile.pictures import FITS, seeds
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.harm import HOSTILE_NAMES, PATIENCE, Harm, harm

from ultimus import UserError
from ultimus.data import image_files
from ultimus.data.limits import MAX_NAME, shown

MEMORY = 512 * 2**20 / 1e6  # megabytes
MADE = {"hostile.pictures": ["uint8 (3, 32, 32)"], "hostile.checkpoints": ["Transformer"]}


@pytest.fixture(scope="module", params=MADE)
def corpus(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Harm:
    """All files, read in a process that may be killed, and what it left in its folder."""
    return harm(request.param, tmp_path_factory.mktemp("hostile"))


def test_every_file_gives_what_it_should_or_a_sentence(corpus, request):
    made = MADE[request.node.callspec.params["corpus"]]
    assert len(corpus.readings) >= 300
    for reading in corpus.readings:
        assert reading.clean, reading
        assert bool(reading.made) != bool(reading.refusal), reading
        assert reading.made in ([], made), reading


def test_a_sentence_is_short_and_names_the_file(corpus):
    for reading in corpus.readings:
        if reading.refusal:
            assert re.fullmatch(r"[^\n]+[:;,.] .+\.", reading.refusal), reading
            assert len(reading.refusal) <= 250 and reading.refusal.isprintable(), reading
            assert reading.refusal.startswith(shown(reading.name)), reading


def test_what_is_sound_is_read_and_what_is_not_is_refused(corpus):
    wrong = [each for each in corpus.readings if each.sound not in (None, bool(each.made))]
    assert wrong == []
    outcomes = [each.sound for each in corpus.readings]
    assert outcomes.count(True) > 83 and outcomes.count(False) > 83


def test_no_file_takes_much_memory(corpus):
    greatest = max(corpus.readings, key=lambda each: each.megabytes)
    print(f"the most memory: {greatest.megabytes:.0f} MB for {greatest.name}")
    assert greatest.megabytes < MEMORY, greatest


def test_no_file_takes_long(corpus):
    """The fixture fails where one takes PATIENCE; how long they take depends on the machine."""
    seconds = sorted(each.seconds for each in corpus.readings)
    slowest = max(corpus.readings, key=lambda each: each.seconds)
    print(
        f"{len(seconds)} files: median {np.median(seconds) * 1e3:.1f} ms, "
        f"p95 {np.quantile(seconds, 0.95) * 1e3:.0f} ms, most {seconds[-1]:.2f} s ({slowest.name})"
    )
    assert slowest.seconds < PATIENCE


def test_nothing_is_left_behind(corpus):
    assert corpus.left == []


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=range(len(HOSTILE_NAMES)))
def test_a_name_is_one_plain_line(name):
    safe = shown(name)
    assert 0 < len(safe) <= MAX_NAME
    assert safe.isprintable() and not set(safe) & set("<>[]`$")
    safe.encode()


# Fuzzing ------------------------------------------------------------------------------------------

SEEDS = list(seeds().values())
PLACES = st.integers(0, 2**16)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A sound picture with bytes changed, cut out, repeated, or put in from another."""
    content = bytearray(draw(st.sampled_from(SEEDS)))
    for place in draw(st.lists(PLACES, max_size=5)):
        content[place % len(content)] = draw(st.integers(0, 255))
    for place in draw(st.lists(PLACES, max_size=2)):
        start = place % len(content)
        inserted = draw(
            st.one_of(
                st.binary(max_size=31),
                st.sampled_from([b"\xff" * 4, b"\0" * 8, b"\xff\xda", b"IDAT", b"IHDR", b"ANMF"]),
                st.builds(lambda other, at: other[at : at + 97], st.sampled_from(SEEDS), PLACES),
            )
        )
        content[start : start + draw(st.integers(0, 13))] = inserted
    return bytes(content[: draw(st.one_of(st.none(), PLACES))])


@settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=499,
    suppress_health_check=list(HealthCheck),
)
@given(mutated(), st.sampled_from(FITS))
def test_any_bytes_give_a_picture_or_a_sentence(content, fit):
    try:
        image = image_files.shrink(image_files.read(content, "fuzz"), fit)
    except UserError as error:
        assert str(error).startswith("fuzz ") and "\n" not in str(error)
    else:
        assert image.shape == (3, 32, 32) and image.dtype == np.uint8
