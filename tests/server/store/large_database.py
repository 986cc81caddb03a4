"""A database with as much in it as the limits let it have, and more of what has none."""

from __future__ import annotations

from pathlib import Path

from server.api.records import User
from server.store import conversations, history, people_chat
from server.store.sqlite import Sqlite, SqliteSession

FILES, VERSIONS, CONTENTS, PROJECTS = 10_000, 4, 200_000, 2_000
ADA = User("ada", "Ada")
FILE = ("p0", "src/00007")
_NUMBERS = "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {} - 1) "


def filled(directory: Path) -> SqliteSession:
    connection = Sqlite(directory).connect()
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute("BEGIN")
    for statement in (
        f"{_NUMBERS.format(CONTENTS)} INSERT INTO contents SELECT printf('%064x', i), x'61', "
        "iif(i % 100, NULL, i) FROM n",
        f"{_NUMBERS.format(PROJECTS)} INSERT INTO projects (id, name, description, type, everyone, "
        "revision, created_at, updated_at, tree, message_count) SELECT 'p' || i, 'P', '', 'web', "
        "NULL, 0, '', '', i + 1, 0 FROM n",
        f"{_NUMBERS.format(PROJECTS)} INSERT INTO trees SELECT i + 1, 0, 0 FROM n",
        f"{_NUMBERS.format(PROJECTS)} INSERT INTO members SELECT 'p' || i, 'other', "
        "'editor', NULL FROM n WHERE i",
        "INSERT INTO members VALUES ('p0', 'ada', 'owner', NULL)",
        f"{_NUMBERS.format(VERSIONS)} INSERT INTO versions (id, project_id, name, message, "
        "created_at, created_by, tree) SELECT 'v' || i, 'p0', 'V', '', '', 'ada', 10000 + i FROM n",
        f"{_NUMBERS.format(VERSIONS)} INSERT INTO trees SELECT 10000 + i, {FILES}, {FILES} FROM n",
        f"UPDATE trees SET file_count = {FILES}, size = {FILES} WHERE id = 1",
        # Half of the project's files have other contents than in its versions.
        f"{_NUMBERS.format(FILES)} INSERT INTO tree_files SELECT 1, printf('src/%05d', i), "
        "printf('%064x', i + i % 2 * 100000), 1, 1, '', 'ada', NULL FROM n",
        f"{_NUMBERS.format(FILES * VERSIONS)} INSERT INTO tree_files SELECT 10000 + i / {FILES}, "
        f"printf('src/%05d', i % {FILES}), printf('%064x', i % {FILES}), 1, 1, '', 'ada', NULL "
        "FROM n",
        f"{_NUMBERS.format(history.MOST)} INSERT INTO saves SELECT i + 1, 'p0', "
        f"printf('src/%05d', i % {FILES}), printf('%064x', i), 1, NULL, '2026', '2026', 'ada', "
        "'[]', 1, 0, 0 FROM n",
        f"INSERT INTO histories VALUES ('p0', {history.MOST}, {history.MOST})",
        "INSERT INTO counters VALUES ('saves', 200000)",
        f"{_NUMBERS.format(history.MAX_MOVES)} INSERT INTO moves SELECT 100000 + i, 'p0', "
        "'a' || i, 'b' || i FROM n",
        f"{_NUMBERS.format(conversations.MAX_MESSAGES)} INSERT INTO messages (id, project_id, "
        "request_id, role, user_id, content, created_at) SELECT 'm' || i, 'p0', '', 'user', 'ada', "
        "'', '' FROM n",
        f"{_NUMBERS.format(people_chat.MAX_MESSAGES)} INSERT INTO talk (id, project_id, user_id, "
        "content, details, created_at) SELECT 't' || i, 'p0', 'ada', 'text', '{}', '' FROM n",
        f"{_NUMBERS.format(people_chat.MAX_READERS)} INSERT INTO talk_reads SELECT 'p0', 'u' || i, "
        "i FROM n",
        f"UPDATE projects SET talk_count = {people_chat.MAX_MESSAGES} WHERE id = 'p0'",
        f"UPDATE projects SET message_count = {conversations.MAX_MESSAGES} WHERE id = 'p0'",
        f"{_NUMBERS.format(CONTENTS)} INSERT INTO users SELECT 'u' || i, 'U', NULL, '' FROM n",
        f"{_NUMBERS.format(20_000)} INSERT INTO sessions SELECT 's' || i, 'u' || i, 0, i FROM n",
        f"{_NUMBERS.format(20_000)} INSERT INTO notifications (id, user_id, type, title, message, "
        "created_at) SELECT 'n' || i, 'u' || i / 200, '', '', '', '' FROM n",
    ):
        connection.execute(statement)
    connection.execute("COMMIT")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection
