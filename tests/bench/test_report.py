"""What was measured, as JSON and in words."""

import json

import numpy as np

from ultimus.bench.report import SPREADS, WAYS, Measured, Spread

MEASURED = Measured(
    step_ms={name: Spread(number, number - 0.5, number + 0.25) for number, name in enumerate(WAYS)},
    images_per_second={name: Spread(1300, 1100, 1700) for name in WAYS},
    ratio_same=Spread(5.5, 5.25, 5.75),
    ratio_grouped=Spread(11.5, 11.25, 11.75),
    ratio_patches=Spread(1.25, 1.0, 1.5),
    telemetry_cost=Spread(0.0125, -0.003, 0.02),
    recorder_share=0.011,
    worker_mb=431.2,
    data="pictures",
    rounds=7,
    threads=3,
    machine={"cpu": "Fine 3000", "cores": 5, "os": "System-7"},
    versions={"torch": "2.13", "python": "3.11", "ultimus": "0.1"},
)


def test_a_spread_is_the_median_and_the_quartiles():
    assert Spread.of(np.array([7.0, 1.0, 3.0, 2.0, 11.0])) == (3, 2, 7)


def test_json_has_the_medians_and_apart_from_them_the_quartiles():
    answer = json.loads(json.dumps(MEASURED.as_json()))
    assert answer["ratio_same"] == 5.5 and answer["spread"]["ratio_same"] == [5.25, 5.75]
    assert answer["step_ms"] == dict(zip(WAYS, range(6), strict=True))
    assert answer["spread"]["step_ms"]["headless"] == [1.5, 2.25]
    assert answer["spread"].keys() == set(SPREADS)
    assert answer["machine"]["cores"] == 5 and answer["worker_mb"] == 431.2


def test_the_table_has_the_same_numbers():
    text = MEASURED.as_text()
    lines = text.splitlines()
    assert lines[0] == "Fine 3000, 5 cores, System-7"
    for part in (
        "torch 2.13, python 3.11, ultimus 0.1, 3 threads; pictures", "7 alternating rounds",
        "a / b: 5.50 (5.25 … 5.75)", "c / a: 11.50 (11.25 … 11.75)", "p / c: 1.25 (1.00 … 1.50)",
        "1.2% (-0.3% … 2.0%)",
        "1.1%", "431 MB",
    ):  # fmt: skip
        assert part in text
    rows = [line for line in lines if line.endswith("images/s")]
    for number, (row, name) in enumerate(zip(rows, WAYS.values(), strict=True)):
        assert row.startswith(name) and f" {number}.00 ({number - 0.5:.2f} …" in row
    assert len({len(row) for row in rows}) == 1
