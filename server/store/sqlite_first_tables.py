"""The tables of SQLite as the first release had them: the first of `sqlite_steps`.

Like every step that was once released, it is never changed.
"""

from __future__ import annotations

from typing import Final

FIRST: Final = """
    CREATE TABLE users (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        password_hash TEXT,
        created_at TEXT NOT NULL
    ) STRICT;

    -- key: the SHA-256 of the session's id, which only its owner has. Times: seconds since 1970.
    CREATE TABLE sessions (
        key TEXT PRIMARY KEY,
        user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        created_at REAL NOT NULL,
        expires_at REAL NOT NULL
    ) STRICT;
    CREATE INDEX sessions_of_user ON sessions (user_id, created_at);

    -- revision: counts the changes of the project's files. everyone: the role of those who are
    -- no members, if they have one.
    CREATE TABLE projects (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        description TEXT NOT NULL,
        type TEXT NOT NULL,
        everyone TEXT,
        revision INTEGER NOT NULL DEFAULT 0,
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL
    ) STRICT;

    -- Not only accounts are members: in open mode users are whoever clients say they are.
    CREATE TABLE members (
        project_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
        user_id TEXT NOT NULL,
        role TEXT NOT NULL,
        PRIMARY KEY (project_id, user_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX members_of_user ON members (user_id);

    -- Contents by their SHA-256, each once, however many files and versions have them.
    CREATE TABLE contents (
        hash TEXT PRIMARY KEY,
        content BLOB NOT NULL
    ) STRICT;

    CREATE TABLE files (
        project_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
        path TEXT NOT NULL,
        hash TEXT NOT NULL REFERENCES contents (hash),
        size INTEGER NOT NULL,
        revision INTEGER NOT NULL,
        updated_at TEXT NOT NULL,
        updated_by TEXT NOT NULL,
        PRIMARY KEY (project_id, path)
    ) STRICT;
    CREATE INDEX files_with_content ON files (hash);

    CREATE TABLE versions (
        sequence INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        project_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
        name TEXT NOT NULL,
        message TEXT NOT NULL,
        created_at TEXT NOT NULL,
        created_by TEXT NOT NULL
    ) STRICT;
    CREATE INDEX versions_of_project ON versions (project_id, sequence);

    CREATE TABLE version_files (
        version_id TEXT NOT NULL REFERENCES versions (id) ON DELETE CASCADE,
        path TEXT NOT NULL,
        hash TEXT NOT NULL REFERENCES contents (hash),
        size INTEGER NOT NULL,
        PRIMARY KEY (version_id, path)
    ) STRICT;
    CREATE INDEX version_files_with_content ON version_files (hash);

    -- details: what only answers have, as JSON.
    CREATE TABLE messages (
        sequence INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        project_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
        request_id TEXT NOT NULL,
        role TEXT NOT NULL,
        user_id TEXT NOT NULL,
        content TEXT NOT NULL,
        details TEXT,
        created_at TEXT NOT NULL
    ) STRICT;
    CREATE INDEX messages_of_project ON messages (project_id, sequence);

    CREATE TABLE notifications (
        sequence INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        user_id TEXT NOT NULL,
        type TEXT NOT NULL,
        title TEXT NOT NULL,
        message TEXT NOT NULL,
        project_id TEXT,
        created_at TEXT NOT NULL,
        is_read INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX notifications_of_user ON notifications (user_id, sequence);

    CREATE TABLE counters (
        name TEXT PRIMARY KEY,
        value INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    """
