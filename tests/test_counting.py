"""What is not to be counted is not, also where several processes run the tests.

Counting makes Python half as fast.
"""

from __future__ import annotations

from coverage import Coverage


def test_nothing_counts_while_this_runs() -> None:
    assert Coverage.current() is None
