"""Checkpoints that a fuzzer makes up are met with a network or a sentence."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hostile.checkpoints import seeds
from hostile.safetensors import parts, safetensors
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.handmade import START, STOP, archive, by_hand

from ultimus import UserError
from ultimus.checkpoints import checkpoint
from ultimus.checkpoints.metadata import Origin

SEEDS = seeds()
FORMS = [*SEEDS.values(), by_hand(is_old=False), by_hand(is_old=True)]
PLACES = st.integers(0, 2**17)
SIGNS = (
    b"\xff" * 4, b"\0" * 8, struct.pack("<q", 2**40), struct.pack("<q", -1), b"PK\1\2", b"PK\3\4",
    b"PK\5\6", b"cposix\nmkdir\n", b"cos\nsystem\n", b"q\0", b"h\0", START, STOP,
    *(bytes([code]) for code in b'{}"[]9-(tRQ02busa\x85\x86'),
)  # fmt: skip
quick = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=397,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(autouse=True, scope="module")
def _nothing_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Code would leave something in the folder that the tests are run in."""
    folder: Path = tmp_path_factory.mktemp("fuzz")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield
    assert list(folder.iterdir()) == []


def check(content: bytes) -> None:
    """It is refused by one sentence, or is a network of plain finite numbers."""
    try:
        model = checkpoint.loads(content, "fuzz").model
    except UserError as error:
        told = str(error)
        assert told.startswith("fuzz ") and told.isprintable() and len(told) < 400, told
    else:
        assert all(each.isfinite().all() for each in model.state_dict().values())


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A sound checkpoint with bytes changed, cut out, repeated, or put in; most near its ends."""
    content = bytearray(draw(st.sampled_from(FORMS)))
    near = st.one_of(st.integers(0, 2000), PLACES, st.integers(-3000, -1))
    for place in draw(st.lists(near, max_size=4)):
        content[place % len(content)] = draw(st.integers(0, 255))
    for place in draw(st.lists(near, max_size=2)):
        start = place % len(content)
        inserted = draw(
            st.one_of(
                st.binary(max_size=31),
                st.sampled_from(SIGNS),
                st.builds(lambda other, at: other[at : at + 97], st.sampled_from(FORMS), PLACES),
            )
        )
        content[start : start + draw(st.integers(0, 13))] = inserted
    return bytes(content[: draw(st.one_of(st.none(), PLACES))])


@quick
@given(mutated())
def test_a_damaged_file_gives_a_network_or_a_sentence(content):
    check(content)


@quick
@given(
    st.lists(st.one_of(st.sampled_from(SIGNS), st.binary(max_size=9)), max_size=41).map(b"".join)
)
def test_any_pickle_gives_a_network_or_a_sentence(body):
    check(archive(body))
    check(START + body + STOP)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=9), inner, max_size=4)
    ),
    max_leaves=9,
)
HEADER, DATA = parts(SEEDS["told.safetensors"])
STRANGE = st.one_of(JSON, st.integers(-(2**65), 2**65), st.lists(st.integers(-9, 99), max_size=5))


@st.composite
def lying(draw: st.DrawFn) -> dict[str, Any]:
    """A header of which some of the entries are something else."""
    header = {name: dict(entry) for name, entry in HEADER.items()}
    for name in draw(st.lists(st.sampled_from([*HEADER]), min_size=1, max_size=3, unique=True)):
        entry = draw(st.sampled_from(["", "dtype", "shape", "data_offsets"]))
        if entry:
            header[name][entry] = draw(STRANGE)
        else:
            header[name] = draw(STRANGE)
    return header


@quick
@given(lying())
def test_any_header_gives_a_network_or_a_sentence(header):
    check(safetensors(header, DATA))


@quick
@given(st.dictionaries(st.sampled_from([*Origin().__dict__]), STRANGE.map(str), max_size=5), JSON)
def test_any_metadata_is_taken_or_left(told, more):
    for metadata in (told, {**told, "more": more}, more):
        content = safetensors({"__metadata__": metadata} | HEADER, DATA)
        origin = checkpoint.loads(content, "fuzz").origin
        assert Origin.read(origin.metadata()) == origin
