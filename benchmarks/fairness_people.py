"""What a client can do with sessions, invitations and proposals of the assistant: present what is
none, make and end them, and decide on them, as fast as it can.
"""

from __future__ import annotations

import itertools
import json
from typing import Any

from benchmarks.fairness_wire import Client, Commit, Deed, Ground, again, at_once
from benchmarks.frames import frame

CONNECTIONS = 40
PROPOSALS = 15
"""A client asks the assistant that often at once."""


def _greedy(port: int) -> Client:
    client = Client(port)
    client.ask("user:join", {"userId": "greedy"})
    return client


def _own_project(client: Client) -> str:
    project_id: str = client.ask("project:create", {"name": "Mine"})["project"]["id"]
    client.ask("project:join", {"projectId": project_id})
    return project_id


def _event(event: str, payload: dict[str, Any]) -> bytes:
    return frame("42" + json.dumps([event, payload]))


def presented_at_connect(port: int) -> None:
    """Connect with sessions that are none, and come back."""
    while True:
        clients = [Client(port, join=False) for _ in range(CONNECTIONS)]
        for number, client in enumerate(clients):
            client.send("40" + json.dumps({"sessionId": f"{number}" * 16}))
        for client in clients:
            client.read()
            client.sock.close()


def presented_in_events(port: int) -> None:
    """Present sessions that are none, as fast as the answers come."""
    clients = [Client(port) for _ in range(CONNECTIONS)]
    several = _event("auth:session", {"token": "x" * 900}) * 20
    while True:
        for client in clients:
            client.sock.sendall(several)
        for client in clients:
            client.read()


def inviting(ground: Ground) -> Commit:
    """Make invitations and revoke them, and guess the tokens of others."""
    project_id = _own_project(_greedy(ground.port))
    project = {"projectId": project_id}
    make = _event("invitation:create", {**project, "role": "editor"})
    guess = _event("invitation:accept", {"token": "x" * 43})

    def deed(port: int) -> None:
        clients = [_greedy(port) for _ in range(CONNECTIONS)]
        while True:
            for client in clients:
                client.sock.sendall(make + guess * 5)
            for client in clients:
                for one in client.ask("invitation:list", project).get("invitations", ()):
                    revoked = {**project, "invitationId": one["id"]}
                    client.sock.sendall(_event("invitation:revoke", revoked))

    return again(deed)


def deciding(ground: Ground) -> Commit:
    """Ask the assistant for files, and accept and reject over and over what it proposes."""
    maker = _greedy(ground.port)
    project = {"projectId": _own_project(maker)}
    decisions = []
    for number in range(PROPOSALS):
        message = f"Create a Python script named script{number}.py"
        maker.ask("ai:message", {**project, "message": message})
        answer = json.loads(maker.wait_for('42["ai:response"')[2:])[1]
        [action] = answer["response"]["actions"]
        decided = {**project, "requestId": answer["requestId"], "actionId": action["id"]}
        decisions.append(
            b"".join(
                _event("ai:applied", {**decided, "outcome": outcome})
                for outcome in ("accepted", "rejected")
            )
        )
    another = {**project, "message": "Create a Python script named another.py"}

    def deed(port: int) -> None:
        clients = [_greedy(port) for _ in range(CONNECTIONS)]
        for client in clients:
            client.ask("project:join", project)
        for number in itertools.count():
            for client in clients:
                client.sock.sendall(decisions[number % PROPOSALS])
            for client in clients:
                client.ask("ai:message", another)

    return again(deed)


DEEDS = (
    at_once("connections with sessions that are none", again(presented_at_connect)),
    at_once("sessions that are none", again(presented_in_events)),
    Deed("invitations made, guessed and revoked", inviting),
    Deed("proposals decided over and over", deciding),
)
