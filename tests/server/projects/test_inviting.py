"""Links that let people into a project.

Invariants:
- Whoever has the whole token of an invitation that holds becomes a member, with its role, once; all
  others learn nothing, not even whether there is such an invitation.
- The secret is in one answer, and nowhere else: not in the database, the log or an event.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from server.application import Application
from server.store import invitations, membership
from tests.server.conftest import Connect
from tests.server.wire import Client


async def owning(connect: Connect) -> tuple[Client, dict[str, Any]]:
    """Ada, and a project of hers."""
    ada = await connect()
    project = (await ada.ask("project:create", {"name": "P", "userId": "ada"}))["project"]
    await ada.ask("room:join", {"room": "notifications"})
    await ada.news()
    return ada, {"projectId": project["id"]}


async def known(connect: Connect, name: str) -> Client:
    client = await connect()
    await client.ask("user:join", {"userId": name})
    return client


async def invite(client: Client, mine: dict[str, Any], **more: Any) -> Any:
    return await client.ask("invitation:create", {**mine, **more})


async def accept(client: Client, token: str) -> Any:
    return await client.ask("invitation:accept", {"token": token})


@pytest.mark.parametrize("role", ["viewer", "editor"])
async def test_an_invitation_is_made_and_accepted(connect: Connect, role: str) -> None:
    ada, mine = await owning(connect)
    made = await invite(ada, mine, role=role, uses=2)
    invitation, token = made["invitation"], made["token"]
    assert invitation["createdAt"] < invitation["expiresAt"]
    assert {name: invitation[name] for name in ("role", "createdBy", "usesLeft")} == {
        "role": role, "createdBy": "ada", "usesLeft": 2,
    }  # fmt: skip
    assert len(token) > len(invitation["id"]) + 40
    bob = await known(connect, "bob")
    assert (await bob.ask("project:join", mine))["error"]["code"] == "NOT_FOUND"
    answer = await accept(bob, token)
    assert (answer["role"], answer["project"]["id"]) == (role, mine["projectId"])
    told = {"project": answer["project"]}
    assert await bob.news() == [("project:updated", told), ("project:created", told)]
    assert (await bob.ask("project:join", mine))["role"] == role
    updated, (_, notified) = await ada.news()
    assert updated == ("project:updated", told)
    notification = notified["notification"]
    assert (notification["title"], notification["message"], notification["about"]) == (
        "bob has joined the project", f"By your invitation, as its {role}",
        {"kind": "invitation", "user": {"id": "bob", "name": "bob"}},
    )  # fmt: skip
    # Once more uses nothing, and tells nobody.
    assert (await accept(bob, token))["role"] == role
    [left] = (await ada.ask("invitation:list", mine))["invitations"]
    assert left == {**invitation, "usesLeft": 1}
    assert await ada.news() == []
    assert (await accept(await known(connect, "eve"), token))["ok"]
    assert (await ada.ask("invitation:list", mine))["invitations"] == []
    assert (await accept(await known(connect, "mallory"), token))["error"]["code"] == "NOT_FOUND"


async def test_a_member_stays_what_they_are(connect: Connect) -> None:
    ada, mine = await owning(connect)
    bob = await known(connect, "bob")
    await ada.ask("project:share", {**mine, "userId": "bob", "role": "viewer"})
    token = (await invite(ada, mine, role="editor"))["token"]
    assert (await accept(bob, token))["role"] == "viewer"
    assert (await accept(ada, token))["role"] == "owner"


async def test_nobody_is_let_do_less_than_everybody(connect: Connect) -> None:
    owner = await known(connect, "user-456")
    token = (await invite(owner, {"projectId": "project-123"}, role="viewer"))["token"]
    assert (await accept(await known(connect, "bob"), token))["role"] == "editor"


async def test_all_that_does_not_hold_looks_the_same(
    connect: Connect, application: Application
) -> None:
    ada, mine = await owning(connect)
    tokens = {name: (await invite(ada, mine))["token"] for name in ("good", "revoked", "over")}
    revoked = {**mine, "invitationId": tokens["revoked"].partition(".")[0]}
    assert await ada.ask("invitation:revoke", revoked) == {"ok": True}
    assert (await ada.ask("invitation:revoke", revoked))["error"]["code"] == "NOT_FOUND"
    over = tokens["over"].partition(".")[0]
    await application.database.run(
        lambda c: c.execute("UPDATE invitations SET expires_at = '2020' WHERE id = ?", (over,))
    )
    bob = await known(connect, "bob")
    invitation_id, _, secret = tokens["good"].partition(".")
    wrong = f"{invitation_id}.{'A' if secret[0] != 'A' else 'B'}{secret[1:]}"
    refused = [
        await accept(bob, token)
        for token in (tokens["revoked"], tokens["over"], wrong, invitation_id, f"x.{secret}", ".")
    ]
    assert refused == [refused[0]] * len(refused)
    assert refused[0]["error"]["code"] == "NOT_FOUND"
    assert (await accept(bob, tokens["good"]))["ok"]


@pytest.mark.parametrize("deed", ["made an editor", "taken out", "left"])
async def test_it_ends_with_its_makers_part_in_the_project(connect: Connect, deed: str) -> None:
    ada, mine = await owning(connect)
    bob = await known(connect, "bob")
    share = {**mine, "userId": "bob", "role": "owner"}
    await ada.ask("project:share", share)
    token = (await invite(bob, mine))["token"]
    if deed == "made an editor":
        await ada.ask("project:share", {**share, "role": "editor"})
    elif deed == "taken out":
        await ada.ask("project:unshare", {**mine, "userId": "bob"})
    else:
        await bob.ask("project:leave", {**mine, "forGood": True})
    await ada.ask("project:share", share)
    assert (await accept(await known(connect, "eve"), token))["error"]["code"] == "NOT_FOUND"


async def test_limits_and_rights(
    connect: Connect, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, mine = await owning(connect)
    for field, value in (("role", "owner"), ("days", 0), ("days", 31), ("uses", 0), ("uses", 101)):
        error = (await invite(ada, mine, **{field: value}))["error"]
        assert (error["code"], error["details"]) == ("VALIDATION_ERROR", {"path": f"$.{field}"})
    bob = await known(connect, "bob")
    await ada.ask("project:share", {**mine, "userId": "bob", "role": "editor"})
    for event, more in (("create", {}), ("list", {}), ("revoke", {"invitationId": "x"})):
        answer = await bob.ask(f"invitation:{event}", {**mine, **more})
        assert answer["error"]["code"] == "FORBIDDEN"
    monkeypatch.setattr(invitations, "MAX_INVITATIONS", 1)
    token = (await invite(ada, mine))["token"]
    assert (await invite(ada, mine))["error"]["code"] == "RATE_LIMIT_EXCEEDED"
    monkeypatch.setattr(membership, "MAX_MEMBERS", 2)
    eve = await known(connect, "eve")
    assert (await accept(eve, token))["error"]["code"] == "RATE_LIMIT_EXCEEDED"
    # What is over makes room.
    await application.database.run(lambda c: c.execute("UPDATE invitations SET uses_left = 0"))
    assert (await invite(ada, mine))["ok"]
    await ada.ask("project:delete", mine)
    count = "SELECT count(*) FROM invitations"
    left = await application.database.run(lambda c: c.execute(count).fetchone())
    assert left == (0,)
    guesses = [(await accept(eve, f"x.{number}"))["error"]["code"] for number in range(25)]
    assert guesses[-1] == "RATE_LIMIT_EXCEEDED"


async def test_the_secret_is_nowhere_but_in_the_answer(
    connect: Connect, application: Application, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        ada, mine = await owning(connect)
        token = (await invite(ada, mine))["token"]
        bob = await known(connect, "bob")
        await accept(bob, token)
        refused = await accept(bob, f"{token}x")
        secret = token.partition(".")[2]
        listed = await ada.ask("invitation:list", mine)
        told = [await ada.news(), await bob.news(), listed, refused]
        await ada.ask("notification:list")
    assert secret not in caplog.text + str(told)
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes()
