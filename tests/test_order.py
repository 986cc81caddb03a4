"""order.py: long files come first in each part of the list."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.order import SLOW, dealt

FOLDER = Path(__file__).parent


def test_the_slow_files_exist() -> None:
    assert [path for path in SLOW if not path.is_file()] == []
    assert len(set(SLOW)) == len(SLOW)


@pytest.mark.parametrize("processes", [1, 2, 3, 5])
def test_each_process_begins_with_a_slow_file(processes: int) -> None:
    paths = [FOLDER / f"quick/{number}" for number in range(90)]
    paths[40:40] = [path for path in SLOW for _ in range(2)]
    tests = dealt(range(len(paths)), paths, processes)
    assert sorted(tests) == [*range(len(paths))]
    # As xdist cuts the list.
    left = tests
    for remaining in range(processes, 0, -1):
        part, left = left[: len(left) // remaining], left[len(left) // remaining :]
        begun = [paths[test] in SLOW for test in part]
        assert begun[0]
        assert begun == sorted(begun, reverse=True)
        rest = [test for test in part if paths[test] not in SLOW]
        assert rest == sorted(rest)


def test_more_of_slow_files_than_a_part_takes() -> None:
    paths = [SLOW[0]] * 9 + [FOLDER / "quick"] * 3
    assert sorted(dealt(range(12), paths, 3)) == [*range(12)]
    assert dealt([], [], 3) == []
