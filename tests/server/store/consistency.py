"""What holds for every database: counts of its trees, and nothing that belongs to nobody."""

from __future__ import annotations

from server.store import leftovers
from server.store.connection import Connection


def check_consistency(c: Connection) -> None:
    """Delete what is left over, and check that trees count right and nothing is nobody's."""
    while leftovers.are_there(c):
        leftovers.delete_some(c)
    wrong = c.execute(
        "SELECT id FROM trees t WHERE file_count <> (SELECT count(*) FROM tree_files "
        "WHERE tree = t.id) OR size <> (SELECT coalesce(sum(size), 0) FROM tree_files "
        "WHERE tree = t.id)"
    ).fetchall()
    assert wrong == []
    nobodys = (
        "SELECT count(*) FROM contents WHERE hash NOT IN "
        "(SELECT hash FROM tree_files UNION SELECT hash FROM saves)"
    )
    assert c.execute(nobodys).fetchone() == (0,)
    for table in ("touched", "leftovers"):
        assert c.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
