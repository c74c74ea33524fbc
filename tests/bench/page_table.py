"""The tables of a file that test_page_times.py has filled: python tests/bench/page_table.py FILE"""

import json
import sys
from pathlib import Path

BUILDS = ("the former", "this build")
ACTS = ("another cell", "another pass")
UNKNOWN = "–"
PAGES = ("first page", "Train", "Attention", "/see")


def main(file: Path) -> None:
    values = {name: value for name, (value,) in json.loads(file.read_text())["values"].items()}
    for row in [("", "the former build", "this build"), ("---",) * 3, *rows(values)]:
        print(f"| {' | '.join(row)} |")


def rows(values: dict[str, float]) -> list[tuple[str, str, str]]:
    """What was measured, by the former build and by this one."""
    compared = {
        **{f"{act}, group of {size}": f"{act}, group of {size}, a run trains" for size in (16, 64)
           for act in ACTS},
        "one alone": "another pass, one reader",
        "20 at once": "another pass, 20 readers at once",
        **{page: f"cold browser until the first picture: {page}" for page in PAGES},
        "until Start can be pressed": "fresh install, page opened until Start can be pressed",
    }  # fmt: skip
    numbers = {
        "20 at once, over one alone": ("20 at once over one", "× {:.1f}"),
        "messages to the server for a press": ("messages to the server for a press", "{:.2f}"),
        "frames a second": ("40 snapshots played, frames a second", "{:.1f}"),
        **{f"{page}, kilobytes until then": (f"bytes until then: {page}", "{:,.0f} kB")
           for page in PAGES},
    }  # fmt: skip
    bare = "a bare page of Streamlit"
    times, bytes_of_it = _times(values, bare), f"{bare}, kilobytes until then"
    size = _number(values, bytes_of_it, "{:,.0f} kB")
    made = [
        *((said, *(_times(values, f"{build}: {name}") for build in BUILDS))
          for name, said in compared.items()),
        (f"cold browser until {bare}", times, times),
        *((said, *(_number(values, f"{build}: {name}", form) for build in BUILDS))
          for name, (said, form) in numbers.items()),
        (f"bytes of {bare}", size, size),
    ]  # fmt: skip
    return [row for row in made if row[1:] != (UNKNOWN, UNKNOWN)]


def _times(values: dict[str, float], name: str) -> str:
    found = [values.get(f"{name}, {part}") for part in ("median", "95th percentile")]
    return UNKNOWN if None in found else f"{found[0]:,.0f} / {found[1]:,.0f} ms"


def _number(values: dict[str, float], name: str, form: str) -> str:
    return form.format(values[name]) if name in values else UNKNOWN


if __name__ == "__main__":
    main(Path(sys.argv[1]))
