"""What a run has measured: in columns, read on by one reader that all share, whatever is there."""

import gc
import json
import math
import os
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ultimus.files import write_atomically
from ultimus.places import SHIPPED
from ultimus.runs import metrics
from ultimus.runs.metrics import (
    TAIL,
    Reader,
    forget_after,
    last_accuracy,
    read_metrics,
    report,
)

ENTROPY = [2.77, 2.77, 2.77, 2.77]


def _row(step: int) -> dict:
    return {
        "step": step, "epoch": step / 390, "loss": 2.3 / step, "lr": 0.01, "train_accuracy": 0.4,
        "grad_norm": 1.2, "attention_entropy": ENTROPY, "images_per_second": 9000.5,
        "seconds": step * 0.4,
    }  # fmt: skip


def _write(folder: Path, rows: int) -> None:
    text = "".join(json.dumps(_row(step)) + "\n" for step in range(1, rows + 1))
    (folder / "metrics.jsonl").write_text(text)


def _steps(folder: Path) -> list[float]:
    return read_metrics(folder).column("step").tolist()


@pytest.fixture
def parsed(monkeypatch) -> list[bytes]:
    """The lines that are parsed from now on."""
    lines: list[bytes] = []
    row = metrics._row
    monkeypatch.setattr(metrics, "_row", lambda line: lines.append(line) or row(line))
    return lines


# Reading on -----------------------------------------------------------------------------------


def test_metrics_are_read_on_from_where_they_ended(tmp_path):
    assert read_metrics(tmp_path).rows == 0
    report(tmp_path, {"step": 1, "loss": 2.5})
    first = read_metrics(tmp_path)
    report(tmp_path, {"step": 3, "loss": 2.0, "test_accuracy": 0.25})
    second = read_metrics(tmp_path)
    np.testing.assert_array_equal(second.column("loss"), [2.5, 2.0])
    np.testing.assert_array_equal(second.column("test_accuracy"), [np.nan, 0.25])
    assert second.column("step").dtype == np.float64
    assert first.column("loss").tolist() == [2.5]  # what was read stays as it was
    with pytest.raises(ValueError, match="read-only"):
        first.column("loss")[0] = 0


def test_a_number_that_no_line_can_have_is_an_error(tmp_path):
    with pytest.raises(KeyError):
        read_metrics(tmp_path).column("temperature")


def test_half_a_line_waits_for_its_other_half(tmp_path):
    line = json.dumps({"step": 11, "loss": 1.5}).encode() + b"\n"
    with open(tmp_path / "metrics.jsonl", "ab", buffering=0) as file:
        for begin in range(len(line)):
            found = read_metrics(tmp_path)
            assert found.rows == found.unreadable == 0
            file.write(line[begin : begin + 1])
    assert _steps(tmp_path) == [11]


def test_metrics_survive_being_replaced(tmp_path):
    for step in range(7):
        report(tmp_path, {"step": step, "loss": 1})
    assert _steps(tmp_path) == [0, 1, 2, 3, 4, 5, 6]
    forget_after(tmp_path, 4)
    for step in (5, 6):  # as long as before, but another file
        report(tmp_path, {"step": step, "loss": 2})
    assert read_metrics(tmp_path).column("loss").tolist() == [1, 1, 1, 1, 1, 2, 2]
    forget_after(tmp_path, -1)
    assert _steps(tmp_path) == []
    (tmp_path / "metrics.jsonl").unlink()
    assert _steps(tmp_path) == []


def test_nothing_reported_is_nothing_to_forget(tmp_path):
    forget_after(tmp_path, 5)
    assert _steps(tmp_path) == []


def test_many_batches_are_read_like_one(tmp_path):
    count = 2 * metrics.BATCH + 7
    _write(tmp_path, count)
    found = read_metrics(tmp_path)
    np.testing.assert_array_equal(found.column("step"), np.arange(1, count + 1))
    np.testing.assert_array_equal(found.column("loss"), 2.3 / np.arange(1, count + 1))


def test_the_shipped_metrics_are_what_their_lines_say():
    folder = SHIPPED / "best-cifar10"
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").open()]
    found = read_metrics(folder)
    assert found.rows == len(rows) and found.unreadable == 0
    for name in (*metrics.DENSE, *metrics.SPARSE):
        np.testing.assert_array_equal(found.column(name), [row.get(name, math.nan) for row in rows])
    known = {name for row in rows for name in row}
    assert known == {*metrics.DENSE, *metrics.SPARSE, "attention_entropy"}


# Damage ---------------------------------------------------------------------------------------

DAMAGED = [
    b"nonsense", b"\xff\xfe", b"[1]", b"3", b"{}", b'{"step": "x"}', b'{"step": true}', b"",
    b"[" * 30_000, b"[" * 300_000, b'{"step": 1e3}', b'{"step": ' + b"9" * 999 + b"}",
    b'{"step": 3, "loss": "' + b"x" * 2**17 + b'"}', b"\0",
]  # fmt: skip


def test_damaged_lines_are_counted_and_left_out(tmp_path):
    report(tmp_path, {"step": 2})
    with open(tmp_path / "metrics.jsonl", "ab") as file:
        file.write(b"\n".join(DAMAGED) + b"\n")
    report(tmp_path, {"step": 3})
    assert _steps(tmp_path) == [2, 3]
    assert read_metrics(tmp_path).unreadable == len(DAMAGED)
    forget_after(tmp_path, 3)
    assert _steps(tmp_path) == [2, 3] and read_metrics(tmp_path).unreadable == 0


def test_numbers_that_json_lacks_become_null(tmp_path):
    report(tmp_path, {"step": 1, "loss": math.nan, "entropies": [0.5, math.inf], "lr": 0.1})
    text = (tmp_path / "metrics.jsonl").read_text()
    assert json.loads(text) == {"step": 1, "loss": None, "entropies": [0.5, None], "lr": 0.1}
    found = read_metrics(tmp_path)
    assert np.isnan(found.column("loss")).all() and found.column("lr") == [0.1]


@pytest.mark.parametrize("name", ["loss", "test_loss"])
def test_a_column_of_anything_is_numbers(tmp_path, name):
    values = [1, True, None, "x", [1], {}, 2.5]
    for step, value in enumerate(values):
        report(tmp_path, {"step": step, name: value})
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write(f'{{"step": 7, "{name}": {"9" * 999}}}\n{{"step": 8, "{name}": NaN}}\n')
    nan = np.nan
    expected = [1, nan, nan, nan, nan, nan, 2.5, nan, nan]
    np.testing.assert_array_equal(read_metrics(tmp_path).column(name), expected)


@pytest.mark.parametrize(
    "put",
    [lambda path: path.mkdir(), lambda path: os.mkfifo(path),
     lambda path: path.symlink_to(path.name), lambda path: path.symlink_to("/dev/zero")],
    ids=["folder", "pipe", "loop", "device"],
)  # fmt: skip
def test_what_is_no_file_is_one_sentence(tmp_path, refused, put: Callable[[Path], object]):
    put(tmp_path / "metrics.jsonl")
    with refused(tmp_path.name, "metrics.jsonl"):
        read_metrics(tmp_path)
    with pytest.raises(OSError):  # the worker's way, which makes a sentence of it
        forget_after(tmp_path, 3)


# Many who look --------------------------------------------------------------------------------


def test_all_who_look_share_one_reader(tmp_path, parsed):
    _write(tmp_path, 29)
    looks = [threading.Thread(target=read_metrics, args=(tmp_path,)) for _ in range(7)]
    for look in looks:
        look.start()
    for look in looks:
        look.join()
    assert len(parsed) == 29
    report(tmp_path, _row(30))
    assert read_metrics(tmp_path).rows == len(parsed) == 30


def test_columns_of_one_look_are_equally_long_while_others_read_on(tmp_path):
    end = threading.Event()

    def write() -> None:
        step = 1
        while not end.is_set():
            report(tmp_path, _row(step) | ({"test_loss": step} if step % 3 else {}))
            step += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(200):
            found = read_metrics(tmp_path)
            read_metrics(tmp_path)
            lengths = {len(found.column(name)) for name in (*metrics.DENSE, *metrics.SPARSE)}
            assert lengths == {found.rows}
    finally:
        end.set()
        writer.join()


def test_fifty_followed_runs_are_never_read_again(tmp_path, parsed, monkeypatch):
    monkeypatch.setattr(metrics, "MAX_KEPT", 0)  # as if all of them were long
    folders = [tmp_path / str(number) for number in range(50)]
    for folder in folders:
        folder.mkdir()
        _write(folder, 3)
    for step in range(4, 7):
        for folder in folders:
            report(folder, _row(step))
            assert read_metrics(folder).rows == step
    assert len(parsed) == 50 * 6


def test_what_nobody_follows_any_more_makes_room(tmp_path, parsed, monkeypatch):
    kept = metrics._Readers()
    long, short = tmp_path / "long", tmp_path / "short"
    for folder in (long, short):
        folder.mkdir()
        _write(folder, 7)
        kept.of(folder).read()
    reader = kept.of(long)
    monkeypatch.setattr(metrics, "FOLLOWED", 0)
    monkeypatch.setattr(metrics, "MAX_KEPT", reader.nbytes)  # room for one of the two
    assert kept.of(long) is reader  # the latest look
    kept.of(tmp_path)
    assert kept.of(long) is reader
    kept.of(short).read()
    assert len(parsed) == 3 * 7


def test_a_row_takes_little_memory_and_its_file_is_never_read_at_once(tmp_path):
    rows = 30_000
    _write(tmp_path, rows)
    size = (tmp_path / "metrics.jsonl").stat().st_size
    reader = Reader(tmp_path)
    gc.collect()
    tracemalloc.start()
    found = reader.read()
    now, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.rows == rows
    assert reader.nbytes < 80 * rows and now < 100 * rows  # 200,000 rows: 16 and 20 MB
    assert most < size  # although a part of it was a batch of dictionaries for a while


def test_forgetting_goes_line_by_line(tmp_path):
    _write(tmp_path, 30_000)
    size = (tmp_path / "metrics.jsonl").stat().st_size
    tracemalloc.start()
    forget_after(tmp_path, 29_000)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < size / 20
    assert read_metrics(tmp_path).rows == 29_000


def test_a_reader_meets_a_file_or_the_one_that_takes_its_place(tmp_path):
    end = threading.Event()

    def write() -> None:
        count = 0
        while not end.is_set():
            count = count % 97 + 1
            text = "".join(json.dumps({"step": count, "loss": count}) + "\n" for _ in range(count))
            write_atomically(tmp_path / "metrics.jsonl", text.encode())

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(500):
            steps = _steps(tmp_path)
            assert set(steps) <= {len(steps)}
    finally:
        end.set()
        writer.join()


def test_the_last_accuracy_is_read_from_the_end_alone(tmp_path):
    assert last_accuracy(tmp_path) is None
    for step, accuracy in ((1, 0.1), (2, 0.3)):
        report(tmp_path, {"step": step, "test_accuracy": accuracy})
    report(tmp_path, {"step": 3, "loss": 1.0})
    assert last_accuracy(tmp_path) == 0.3
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write('{"step": 4, "test_accuracy": "x"}\n{"step": 5, "test_accu')
    assert last_accuracy(tmp_path) is None  # what somebody else wrote is no accuracy
    for step in range(6, 6 + TAIL // 10):
        report(tmp_path, {"step": step})
    assert last_accuracy(tmp_path) is None
    (tmp_path / "metrics.jsonl").unlink()
    (tmp_path / "metrics.jsonl").mkdir()
    assert last_accuracy(tmp_path) is None
