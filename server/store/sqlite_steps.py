"""The tables of SQLite, as the steps that lead to them.

A step that was once released is never changed; the next one is added below it, and its counterpart
to `postgres_steps`.
"""

from __future__ import annotations

from typing import Final

from server.store.sqlite_first_tables import FIRST

STEPS: Final = (
    FIRST,
    # Work in proportion to what a client asks for: counters where everything was counted, lists of
    # files that change hands as a whole, and what is deleted is put aside and cleaned up in steps.
    """
    -- A list of files: the present one of a project, or that of a version, which never changes.
    -- file_count, size: of all its files.
    CREATE TABLE trees (
        id INTEGER PRIMARY KEY,
        file_count INTEGER NOT NULL,
        size INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE tree_files (
        tree INTEGER NOT NULL REFERENCES trees (id),
        path TEXT NOT NULL,
        hash TEXT NOT NULL REFERENCES contents (hash),
        size INTEGER NOT NULL,
        revision INTEGER NOT NULL,
        updated_at TEXT NOT NULL,
        updated_by TEXT NOT NULL,
        PRIMARY KEY (tree, path)
    ) STRICT, WITHOUT ROWID;

    ALTER TABLE projects ADD COLUMN tree INTEGER;
    ALTER TABLE projects ADD COLUMN message_count INTEGER NOT NULL DEFAULT 0;
    UPDATE projects SET tree = 2 * rowid, message_count = (
        SELECT count(*) FROM messages WHERE project_id = projects.id
    );
    INSERT INTO trees SELECT p.tree, count(f.path), coalesce(sum(f.size), 0)
        FROM projects p LEFT JOIN files f ON f.project_id = p.id GROUP BY p.id;
    INSERT INTO tree_files
        SELECT p.tree, f.path, f.hash, f.size, f.revision, f.updated_at, f.updated_by
        FROM files f JOIN projects p ON p.id = f.project_id;
    DROP TABLE files;

    ALTER TABLE versions ADD COLUMN tree INTEGER;
    UPDATE versions SET tree = 2 * sequence + 1;
    INSERT INTO trees SELECT v.tree, count(f.path), coalesce(sum(f.size), 0)
        FROM versions v LEFT JOIN version_files f ON f.version_id = v.id GROUP BY v.id;
    INSERT INTO tree_files
        SELECT v.tree, f.path, f.hash, f.size, 0, v.created_at, v.created_by
        FROM version_files f JOIN versions v ON v.id = f.version_id;
    DROP TABLE version_files;
    CREATE INDEX tree_files_with_content ON tree_files (hash);

    -- As they were, but a chat goes in steps: see leftovers.
    ALTER TABLE messages RENAME TO old_messages;
    CREATE TABLE messages (
        sequence INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        project_id TEXT NOT NULL,
        request_id TEXT NOT NULL,
        role TEXT NOT NULL,
        user_id TEXT NOT NULL,
        content TEXT NOT NULL,
        details TEXT,
        created_at TEXT NOT NULL
    ) STRICT;
    INSERT INTO messages SELECT * FROM old_messages;
    DROP TABLE old_messages;
    CREATE INDEX messages_of_project ON messages (project_id, sequence);

    -- Trees and chats that belong to nothing, to be deleted. maker: the project for which a tree is
    -- being made at the moment; if it is not finished, it is a leftover from the next start on.
    CREATE TABLE leftovers (
        sequence INTEGER PRIMARY KEY,
        tree INTEGER UNIQUE,
        chat TEXT,
        maker TEXT
    ) STRICT;
    CREATE INDEX leftovers_to_delete ON leftovers (sequence) WHERE maker IS NULL;
    CREATE INDEX leftovers_of_maker ON leftovers (maker) WHERE maker IS NOT NULL;

    -- Paths that were changed while a tree is made for their project.
    CREATE TABLE touched (
        project_id TEXT NOT NULL,
        path TEXT NOT NULL,
        PRIMARY KEY (project_id, path)
    ) STRICT, WITHOUT ROWID;

    DROP INDEX members_of_user;
    CREATE INDEX members_of_user ON members (user_id, role);
    CREATE INDEX projects_of_everyone ON projects (id) WHERE everyone IS NOT NULL;
    """,
    # Several people in one file: see documents.
    """
    -- What is known of a file that was opened for editing together. version: the present one.
    -- saved_version, hash, length: the version of the last save, the content of the file then, and
    -- the length of the text in UTF-16 units. exact: that text, where a file cannot have it. space:
    -- the project's number for its documents, which no other project ever had.
    CREATE TABLE documents (
        id INTEGER PRIMARY KEY,
        space INTEGER NOT NULL,
        path TEXT NOT NULL,
        epoch TEXT NOT NULL,
        version INTEGER NOT NULL,
        saved_version INTEGER NOT NULL,
        hash TEXT NOT NULL,
        length INTEGER NOT NULL,
        line_end TEXT NOT NULL,
        exact BLOB,
        UNIQUE (space, path)
    ) STRICT;
    CREATE INDEX documents_unsaved ON documents (space, path) WHERE version > saved_version;
    ALTER TABLE projects ADD COLUMN documents INTEGER;
    CREATE UNIQUE INDEX projects_of_documents ON projects (documents);
    ALTER TABLE leftovers ADD COLUMN documents INTEGER;

    -- The journal: each change of a document, as the one that leads from `version` to the next.
    CREATE TABLE edits (
        document INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
        version INTEGER NOT NULL,
        author TEXT NOT NULL,
        number INTEGER NOT NULL,
        user_id TEXT NOT NULL,
        user_name TEXT NOT NULL,
        change TEXT NOT NULL,
        PRIMARY KEY (document, version)
    ) STRICT, WITHOUT ROWID;

    -- The number of the last change of each author, which was one of `version`.
    CREATE TABLE authors (
        document INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
        user_id TEXT NOT NULL,
        author TEXT NOT NULL,
        number INTEGER NOT NULL,
        version INTEGER NOT NULL,
        PRIMARY KEY (document, user_id, author)
    ) STRICT, WITHOUT ROWID;
    """,
    # The decisions on the assistant's proposals.
    """
    -- decisions: of the actions of an answer, by their ids, as JSON. Those of before have no ids,
    -- and their answers do not say to which request.
    UPDATE messages SET details = json_set(details, '$.requestId', request_id)
        WHERE details IS NOT NULL;
    UPDATE messages SET details = json_set(details, '$.actions', (
        SELECT json_group_array(json_set(value, '$.id', 'action-' || (key + 1)))
        FROM json_each(messages.details, '$.actions')
    )) WHERE json_type(details, '$.actions') = 'array';
    ALTER TABLE messages ADD COLUMN decisions TEXT;
    CREATE INDEX answers_to_request ON messages (request_id) WHERE role = 'assistant';
    """,
    # Long contents in parts of 256 KiB: see contents.
    """
    -- parts: the number of a content's parts that follow the first one, which is in the content's
    -- row. number: 1 for the second part, and so on.
    CREATE TABLE content_parts (
        parts INTEGER NOT NULL,
        number INTEGER NOT NULL,
        part BLOB NOT NULL,
        PRIMARY KEY (parts, number)
    ) STRICT;
    ALTER TABLE contents ADD COLUMN parts INTEGER;
    UPDATE contents SET parts = rowid WHERE length(content) > 262144;
    INSERT INTO counters SELECT 'parts', max(parts) FROM contents HAVING max(parts) IS NOT NULL;
    WITH RECURSIVE n (i) AS (
        SELECT 1 UNION ALL SELECT i + 1 FROM n
        WHERE (i + 1) * 262144 < (SELECT max(length(content)) FROM contents)
    )
    INSERT INTO content_parts
        SELECT c.parts, i, substr(c.content, i * 262144 + 1, 262144) FROM contents c CROSS JOIN n
        WHERE c.parts IS NOT NULL AND i * 262144 < length(c.content);
    UPDATE contents SET content = substr(content, 1, 262144) WHERE parts IS NOT NULL;

    -- parts: a long content that no file has any more, or has not yet: its maker is ''.
    ALTER TABLE leftovers ADD COLUMN parts INTEGER;
    CREATE UNIQUE INDEX leftovers_of_parts ON leftovers (parts) WHERE parts IS NOT NULL;
    """,
    # A client that comes back finds a document where it was moved to.
    """
    CREATE INDEX documents_of_epoch ON documents (space, epoch);
    """,
    # What was deleted stays for a while: see bins.
    """
    CREATE TABLE bins (
        sequence INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        project_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
        path TEXT NOT NULL,
        is_folder INTEGER NOT NULL,
        tree INTEGER NOT NULL,
        deleted_at TEXT NOT NULL,
        deleted_by TEXT NOT NULL
    ) STRICT;
    CREATE INDEX bins_of_project ON bins (project_id, sequence);
    CREATE INDEX bins_by_time ON bins (deleted_at);
    """,
    # What people say to each other: see people_chat. What a notification is about.
    """
    -- client_key: what the sender knows the message by, so that it is not there twice. details:
    -- whom it names and the place that it is about, as JSON.
    CREATE TABLE talk (
        sequence INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        project_id TEXT NOT NULL,
        user_id TEXT NOT NULL,
        client_key TEXT,
        content TEXT NOT NULL,
        details TEXT NOT NULL,
        created_at TEXT NOT NULL
    ) STRICT;
    CREATE INDEX talk_of_project ON talk (project_id, sequence);
    CREATE UNIQUE INDEX talk_of_sender ON talk (project_id, user_id, client_key)
        WHERE client_key IS NOT NULL;
    ALTER TABLE projects ADD COLUMN talk_count INTEGER NOT NULL DEFAULT 0;

    -- sequence: of the last message that the user has read.
    CREATE TABLE talk_reads (
        project_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
        user_id TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        PRIMARY KEY (project_id, user_id)
    ) STRICT, WITHOUT ROWID;

    -- about: what a notification is about, as JSON.
    ALTER TABLE notifications ADD COLUMN about TEXT;
    """,
    # Links that let people into projects: see invitations.
    """
    -- secret_hash: the SHA-256 of what only the link has. uses_left: NULL for any number.
    CREATE TABLE invitations (
        id TEXT PRIMARY KEY,
        project_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
        secret_hash TEXT NOT NULL,
        role TEXT NOT NULL,
        created_at TEXT NOT NULL,
        created_by TEXT NOT NULL,
        expires_at TEXT NOT NULL,
        uses_left INTEGER
    ) STRICT;
    CREATE INDEX invitations_of_project ON invitations (project_id);
    """,
    # Files that are no texts.
    """
    -- media_type: of a file that is no text.
    ALTER TABLE tree_files ADD COLUMN media_type TEXT;
    """,
    # The history of files: see history.
    """
    -- begun_at: of the first of `saves` saves that are one row, saved_at and saved_by of the last.
    -- users: of all of them, as JSON. is_edited: by people who type together. level: 0, 1 for the
    -- last one of its hour, 2 for the last one of its day.
    CREATE TABLE saves (
        sequence INTEGER PRIMARY KEY,
        project_id TEXT NOT NULL,
        path TEXT NOT NULL,
        hash TEXT NOT NULL REFERENCES contents (hash),
        size INTEGER NOT NULL,
        media_type TEXT,
        begun_at TEXT NOT NULL,
        saved_at TEXT NOT NULL,
        saved_by TEXT NOT NULL,
        users TEXT NOT NULL,
        saves INTEGER NOT NULL,
        is_edited INTEGER NOT NULL,
        level INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX saves_of_file ON saves (project_id, path, sequence);
    CREATE INDEX saves_of_project ON saves (project_id, sequence);
    CREATE INDEX saves_with_content ON saves (hash);
    CREATE INDEX saves_by_age ON saves (level, saved_at);

    -- number: counted together with those of saves. A file or folder got the path `target`.
    CREATE TABLE moves (
        number INTEGER PRIMARY KEY,
        project_id TEXT NOT NULL,
        source TEXT NOT NULL,
        target TEXT NOT NULL
    ) STRICT;
    CREATE INDEX moves_of_project ON moves (project_id, number);

    CREATE TABLE histories (
        project_id TEXT PRIMARY KEY,
        row_count INTEGER NOT NULL,
        size INTEGER NOT NULL
    ) STRICT;

    -- history: the project whose history is to be deleted.
    ALTER TABLE leftovers ADD COLUMN history TEXT;
    """,
    # A version of each hour of work: see automatic_versions.
    """
    ALTER TABLE versions ADD COLUMN automatic INTEGER NOT NULL DEFAULT 0;
    -- versioned: the revision of the last version. unversioned_since: when it was first noticed
    -- that there are later changes.
    ALTER TABLE projects ADD COLUMN versioned INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE projects ADD COLUMN unversioned_since TEXT;
    UPDATE projects SET versioned = revision;
    CREATE INDEX projects_unversioned ON projects (unversioned_since) WHERE revision > versioned;
    """,
    # Several servers at a time, which only PostgreSQL allows; most of it is there alone.
    """
    -- node: the server that makes it. Here there is one.
    ALTER TABLE leftovers ADD COLUMN node TEXT;
    """,
    # A question to the assistant is asked once, however often it is sent.
    """
    -- client_key: what the sender knows the message by.
    ALTER TABLE messages ADD COLUMN client_key TEXT;
    CREATE UNIQUE INDEX messages_of_sender ON messages (project_id, user_id, client_key)
        WHERE client_key IS NOT NULL;
    """,
    # A folder that was moved, whose documents follow it: see document_moves.
    """
    CREATE TABLE document_moves (
        space INTEGER PRIMARY KEY,
        source TEXT NOT NULL,
        target TEXT NOT NULL
    ) STRICT;
    """,
    # What tells a document in memory from another one: see journals.
    """
    -- chain: a hash of all updates that it has taken.
    ALTER TABLE documents ADD COLUMN chain TEXT NOT NULL DEFAULT '';

    CREATE INDEX sessions_by_end ON sessions (expires_at);
    """,
    # A project and a version are made once, however often that is asked for.
    """
    -- client_key: what the member knows the project by that they have made.
    ALTER TABLE members ADD COLUMN client_key TEXT;
    CREATE UNIQUE INDEX members_of_maker ON members (user_id, client_key)
        WHERE client_key IS NOT NULL;

    -- client_key: what the maker knows the version by.
    ALTER TABLE versions ADD COLUMN client_key TEXT;
    CREATE UNIQUE INDEX versions_of_maker ON versions (project_id, created_by, client_key)
        WHERE client_key IS NOT NULL;
    """,
)
