"""Files are replaced whole or not at all, and a failed write is explained."""

import errno
import os

import pytest

from ultimus import files
from ultimus.files import storage_problem, sweep, write_atomically


def test_content_is_replaced(tmp_path):
    path = tmp_path / "status.json"
    for content in (b"first", b"second, and longer", b""):
        write_atomically(path, content)
        assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("interruption", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_an_interrupted_write_leaves_the_old_content(tmp_path, monkeypatch, interruption):
    path = tmp_path / "status.json"
    write_atomically(path, b"old")

    def interrupted(*_):
        raise interruption

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(type(interruption)):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_cannot_begin_is_told(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "missing" / "status.json", b"new")
    assert not list(tmp_path.iterdir())


def test_only_what_is_half_written_is_swept_away(tmp_path):
    (tmp_path / "weights" / ".ipynb_checkpoints").mkdir(parents=True)
    kept = [tmp_path / "weights" / name for name in (".DS_Store", "7.safetensors", ".nfs0001")]
    half = [tmp_path / ".status.json.09d8f5f0", tmp_path / "weights/.7.safetensors.0a0b0c0d"]
    for file in kept + half:
        file.write_bytes(b"content")
    sweep(tmp_path)
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == set(kept)


def test_what_is_swept_away_too_early_is_written_again(tmp_path, monkeypatch):
    path, replace = tmp_path / "status.json", os.replace

    def swept(*paths):
        monkeypatch.setattr(os, "replace", replace)
        sweep(tmp_path)
        replace(*paths)

    monkeypatch.setattr(os, "replace", swept)
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new" and list(tmp_path.iterdir()) == [path]


def test_others_may_read_it(tmp_path):
    before = os.umask(0o022)
    try:
        write_atomically(tmp_path / "status.json", b"content")
    finally:
        os.umask(before)
    assert (tmp_path / "status.json").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "full: free some space"),
        (errno.EDQUOT, "full: free some space"),
        (errno.EACCES, "cannot be written to: choose another folder"),
        (errno.EROFS, "cannot be written to: choose another folder"),
        (errno.ENOTDIR, "cannot be used (Not a directory): check it"),
    ],
)
def test_a_problem_becomes_a_sentence(tmp_path, refused, number, words):
    with refused(words, str(tmp_path)):
        raise storage_problem(OSError(number, os.strerror(number)), tmp_path)


def test_a_problem_without_a_number_too(tmp_path, refused):
    with refused("(63 requested and 0 written)"):
        raise storage_problem(OSError("63 requested and 0 written\n"), tmp_path)


def test_a_file_that_somebody_has_open_is_replaced_when_he_is_done(tmp_path, monkeypatch):
    path, replace, refusals = tmp_path / "status.json", os.replace, [PermissionError()] * 3

    def refuse_at_first(*paths):  # as Windows does
        if refusals:
            raise refusals.pop()
        replace(*paths)

    monkeypatch.setattr(os, "replace", refuse_at_first)
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new" and list(tmp_path.iterdir()) == [path]


def test_one_that_is_never_let_go_of_keeps_its_content(tmp_path, monkeypatch):
    path = tmp_path / "status.json"
    path.write_bytes(b"old")

    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(os, "replace", refuse)
    monkeypatch.setattr(files, "PATIENCE", 0.05)
    with pytest.raises(PermissionError):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
