"""What the first start puts into an empty database, so that the snippets of the docs work."""

from __future__ import annotations

from typing import Final

from server.api.records import Member, Project, Role, User
from server.store import accounts, counters, membership, project_files
from server.store.connection import Connection

USERS: Final = (User("user-456", "user-456"), User("user-789", "user-789"))
PROJECT_ID: Final = "project-123"
FILES: Final = {
    "src/components/App.jsx": """\
import TodoList from './TodoList.jsx';

export default function App() {
  return (
    <main>
      <h1>Todo</h1>
      <TodoList />
    </main>
  );
}
""",
    "src/components/TodoList.jsx": """\
export default function TodoList() {
  // TODO: keep the items in the component's state
  const items = ['Read the document', 'Try the snippets'];
  return (
    <ul>
      {items.map((item) => (
        <li key={item}>{item}</li>
      ))}
    </ul>
  );
}
""",
}


def seed(connection: Connection, now: str) -> None:
    """Add the demonstration, once in a database's life: whoever deletes it does not want it
    back.
    """
    if counters.increment(connection, "starts") > 1:
        return
    for user in USERS:
        accounts.add_user(connection, user, None, now)
    membership.add_project(
        connection,
        Project(
            id=PROJECT_ID,
            name="Todo list",
            description="A small React project to try things out with",
            type="web",
            members=[Member(USERS[0], Role.OWNER), Member(USERS[1], Role.EDITOR)],
            created_at=now,
            updated_at=now,
            # For guests as well: a person who has just started the server is one.
            everyone=Role.EDITOR,
        ),
    )
    for path, text in FILES.items():
        project_files.write(connection, PROJECT_ID, path, text, user_id=USERS[0].id, now=now)
