"""The Autobahn cases that are quick, against both ends of our WebSocket; see `autobahn.py`.

`make autobahn` runs all of them. The number of cases is that of the pinned version of kosoku.
"""

from __future__ import annotations

import pytest

from tests.hostile.autobahn import Judge, judge_client, judge_server, objections, unimplemented

# Frames, pings, reserved bits, opcodes, fragments, UTF-8, closing, automatic fragments.
QUICK = ("1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*")
# A thousand small messages each: the usual setting of compression, and seven that one end asks for.
COMPRESSED = ("12.1.1", *(f"13.{number}.1" for number in range(1, 8)))
# Here the server asks the client to compress each message by itself, which it may only do if the
# client says that it can. Ours offers what websockets does: a smaller window, and not that.
NOT_OFFERED = ["13.2.1", "13.5.1", "13.6.1"]

# kosoku leaves the files of its texts to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore:unclosed file .*/autobahntestsuite/testdata/:ResourceWarning"
)

both_ends = pytest.mark.parametrize("judge", [judge_server, judge_client])


@both_ends
async def test_the_quick_cases_pass(judge: Judge) -> None:
    results = await judge(QUICK, deflate=False)
    assert objections(results) == {}
    assert unimplemented(results) == []
    assert len(results) == 247


@both_ends
async def test_the_cases_of_compression_pass_where_it_is_agreed_on(judge: Judge) -> None:
    results = await judge(COMPRESSED, deflate=True)
    assert objections(results) == {}
    assert unimplemented(results) == (NOT_OFFERED if judge is judge_client else [])
    assert [case.case_id for case in results] == list(COMPRESSED)


@both_ends
async def test_compression_is_not_agreed_on_by_default(judge: Judge) -> None:
    results = await judge(COMPRESSED, deflate=False)
    assert objections(results) == {}
    assert unimplemented(results) == list(COMPRESSED)


@both_ends
async def test_a_fault_is_found(judge: Judge) -> None:
    """Otherwise an echo that is never asked would pass: this one takes no message of 125 bytes."""
    results = await judge(["1.1.1", "1.1.2"], deflate=False, largest_message=124)
    assert list(objections(results)) == ["1.1.2"]
