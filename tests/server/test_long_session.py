"""Half a minute of ten people in one project, compressed: see `long_session`, whose long form is
`make session`.
"""

from __future__ import annotations

import logging
from pathlib import Path

from tests.server.long_session import PEOPLE, Errors, Session

DEEDS = 15
"""Of each: one every two seconds."""


async def test_all_copies_are_equal_in_the_end(tmp_path: Path) -> None:
    errors = Errors()
    logging.getLogger().addHandler(errors)
    # What the clients say of files that were deleted under their hands is no fault.
    logging.getLogger("ai_coding_assistant").setLevel(logging.CRITICAL)
    try:
        session = Session(tmp_path, seed=1)
        await session.run(DEEDS, restarts=1)
    finally:
        logging.getLogger().removeHandler(errors)
        logging.getLogger("ai_coding_assistant").setLevel(logging.NOTSET)
    assert session.done.total() == PEOPLE * DEEDS
    assert errors.lines == []
