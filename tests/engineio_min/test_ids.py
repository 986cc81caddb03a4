"""`ids.py`: ids that nobody can guess."""

from __future__ import annotations

import re

from engineio_min.ids import random_id


def test_an_id_has_20_characters_that_may_stand_in_a_url() -> None:
    ids = {random_id() for _ in range(1_000)}
    assert len(ids) == 1_000
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{20}", one) for one in ids)


def test_an_id_begins_with_its_prefix_and_is_no_longer_for_it() -> None:
    one, other = random_id("ab12"), random_id("ab12")
    assert re.fullmatch(r"ab12[A-Za-z0-9_-]{16}", one)
    assert one != other
