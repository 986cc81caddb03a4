"""Rooms, origins and hosts: who may go where. Every rule is one row."""

from __future__ import annotations

import pytest

from engineio_min import Forbidden, Request
from server.api.records import Role, User
from server.hosts import host_check, is_loopback
from server.people.directory import Directory
from server.people.room_access import may_join, project_of, projects_of
from server.store.membership import Access


@pytest.mark.parametrize(
    ("room", "allowed"),
    [
        ("project:project-123", True),
        ("project:project-999", False),
        ("project:", False),
        ("user:user-456", True),
        ("user:user-789", False),
        ("user:", False),
        ("notifications", True),
        ("test-room", True),
        ("test-", False),
        ("team:red", True),
        ("team:", False),
        ("Test-room", False),
        ("lobby", False),
        (" test-room", False),
    ],
)
def test_rooms(room: str, allowed: bool) -> None:
    directory = Directory()
    projects = [
        Access("project-123", None, {"user-456": Role.VIEWER}),
        Access("project-999", None, {"user-789": Role.OWNER}),
    ]
    directory.load([], projects)
    assert may_join(directory, User("user-456", "user-456"), room) is allowed


def test_projects_of_rooms() -> None:
    assert project_of("team:project:a") is None
    assert projects_of(["project:b", "user:a", "project:a", "project"]) == ["a", "b"]


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("LOCALHOST.", True),
        ("app.localhost", True),
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("notlocalhost", False),
        ("localhost.example.com", False),
        ("127.0.0.1.example.com", False),
        ("", False),
    ],
)
def test_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def answers(host: str | None, *, listening_on: str, origins: list[str]) -> bool:
    check = host_check(listening_on, origins)
    if check is None:
        return True
    headers = {} if host is None else {"host": host}
    try:
        check(Request("GET", "/socket.io/", headers, "127.0.0.1"))
    except Forbidden:
        return False
    return True


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost:3001", True),
        ("127.0.0.1:3001", True),
        ("[::1]:3001", True),
        ("[::1]", True),
        ("localhost", True),
        ("app.example.com", True),
        ("APP.example.com:3001", True),
        ("rebound.example.net:3001", False),
        ("app.example.com.rebound.example.net", False),
        (None, False),
    ],
)
def test_a_loopback_server_answers_to_known_hosts_only(host: str | None, expected: bool) -> None:
    origins = ["https://app.example.com"]
    assert answers(host, listening_on="localhost", origins=origins) is expected
    assert answers(host, listening_on="0.0.0.0", origins=origins)
    assert answers(host, listening_on="localhost", origins=["*"])


def test_a_refused_host_is_named_once_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    check = host_check("127.0.0.1", ["http://localhost:3000"])
    assert check is not None
    for host in ["rebound.example.net", "rebound.example.net", "x" * 500]:
        with pytest.raises(Forbidden, match="add its origin to SOCKET_CORS_ORIGIN"):
            check(Request("GET", "/", {"host": host}, "127.0.0.1"))
    assert caplog.messages[:2] == [
        "refused the host 'rebound.example.net'; allow it with an origin in SOCKET_CORS_ORIGIN",
        f"refused the host '{'x' * 100}'; allow it with an origin in SOCKET_CORS_ORIGIN",
    ]
    for number in range(200):
        with pytest.raises(Forbidden):
            check(Request("GET", "/", {"host": f"{number}.example"}, "127.0.0.1"))
    assert len(caplog.messages) == 100
