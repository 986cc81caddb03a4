"""Every event with payloads that are almost right.

Invariants, of each event of the table:
- It is answered: with what it did, or with an error that has a code and a message in the client's
  terms; without an acknowledgement the failure names the event.
- A declared field of a wrong type is a `VALIDATION_ERROR` with the field's path; an unknown field
  changes nothing.
- The connection stays, nothing is logged, nobody else hears of what was refused.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.api.errors import Code
from tests.effort import examples
from tests.server.stage import PROJECT, Stage, failure_of, staged, untold
from tests.server.test_events import VALID

# More of the optional fields, so that there is something to get wrong.
PAYLOADS: dict[str, dict[str, Any]] = {
    event: {**payload, "metadata": {"correlationId": "c-1"}} for event, payload in VALID.items()
}
PAYLOADS["auth:session"]["token"] = "s"
PAYLOADS["file:change"]["lockToken"] = 1
PAYLOADS["file:change"]["file"] = {
    **VALID["file:change"]["file"],
    "content": "new",
    "baseRevision": 10**6,
}
PAYLOADS["file:read"]["versionId"] = "version-1"
PAYLOADS["version:create"]["message"] = "why"
PAYLOADS["version:compare"]["otherVersionId"] = "version-2"
PAYLOADS["ai:message"]["context"] = {"currentFile": "a.py", "language": "x", "framework": "y"}
PAYLOADS["ai:status"] |= {**PROJECT, "requestId": "request-1"}
PLACE = {"line": 1, "column": 2}
PAYLOADS["cursor:update"]["selection"] = {"start": PLACE, "end": {**PLACE}}
PAYLOADS["batch:update"]["updates"] = [{"event": "test:ping", "data": {}}]

NESTED: Any = 1
for _ in range(50):
    NESTED = [NESTED]
WRONG = st.sampled_from(
    [
        *(True, False, 0, -1, 1.5, 2**53, 2**63, -(2**63), 10**30, 1e308),
        *("", "x" * 100_000, "\0", "\ud800", "a\nb", "\u202e", "' OR 1=1 --", "../x", "__proto__"),
        *([], [1], [[]], ["x"] * 3_000, {}, {"__proto__": 1}, {"x" * 1_000: 1}, NESTED),
        {str(number): number for number in range(2_000)},
    ]
) | st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
Place = tuple[str | int, ...]


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """The places of all fields and items in a payload."""
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, inner in items:
        yield (*at, key)
        yield from places(inner, (*at, key))


def put(payload: Any, place: Place, value: Any) -> Any:
    """The payload with another value at that place."""
    changed = copy.deepcopy(payload)
    inside = changed
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = value
    return changed


def shown(place: Place) -> str:
    return "$" + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in place)


def is_scalar(payload: Any, place: Place) -> bool:
    for key in place:
        payload = payload[key]
    return not isinstance(payload, dict | list)


# Fields that take any value.
FREE = {"batch:update": {("updates", 0, "data")}}
FIELDS = [
    (event, place)
    for event, payload in PAYLOADS.items()
    for place in places(payload)
    if place not in FREE.get(event, set())
]


class Fuzzed:
    """One stage for all examples, on a loop that goes on between them."""

    def __init__(self, runner: asyncio.Runner, stage: Stage) -> None:
        self.runner = runner
        self.stage = stage

    def send(self, event: str, *args: Any) -> Any:
        """The acknowledgement of an event, after it has failed without one as well."""
        return self.runner.run(self._send(event, *args))

    async def _send(self, event: str, *args: Any) -> Any:
        client = self.stage.attacker
        answer = await client.ask(event, *args)
        untold(answer)
        if not answer["ok"]:
            assert answer["error"]["code"] in set(Code) - {Code.INTERNAL_ERROR}
            await client.emit(event, *args)
            data, _ = await client.hear(failure_of(event))
            assert (data["event"], data["code"]) == (event, answer["error"]["code"])
            untold(data)
        heard = {name for name, _ in await self.stage.honest.news()}
        if not answer["ok"]:
            # The assistant may still answer what was accepted before.
            assert all(name.startswith(("ai:", "code:")) for name in heard), heard
        assert await client.ask("test:ping") == {"ok": True}
        client.heard.clear()
        return answer


@contextmanager
def running_stage(directory: Path, *, as_it_was: bool) -> Iterator[Fuzzed]:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        stage = runner.run(stack.enter_async_context(staged(directory, as_it_was=as_it_was)))
        yield Fuzzed(runner, stage)
        runner.run(stack.aclose())


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    with running_stage(tmp_path_factory.mktemp("refused"), as_it_was=True) as fuzzed:
        yield fuzzed


@pytest.fixture(scope="module")
def mutated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    """Some mutations are right, and done."""
    with running_stage(tmp_path_factory.mktemp("mutated"), as_it_was=False) as fuzzed:
        yield fuzzed


@pytest.mark.parametrize("event", PAYLOADS)
def test_a_wrong_type_is_named_with_its_place(fuzzed: Fuzzed, event: str) -> None:
    """Each declared field once, and the payload itself."""
    for place in [one for name, one in FIELDS if name == event]:
        wrong: Any = {"x": 1} if is_scalar(PAYLOADS[event], place) else 5
        answer = fuzzed.send(event, put(PAYLOADS[event], place, wrong))
        assert answer["error"]["code"] == "VALIDATION_ERROR", (place, answer)
        assert answer["error"]["details"] == {"path": shown(place)}
        assert answer["error"]["message"].startswith(f"{shown(place)} is ")
    odd: list[Any] = [5, "x", [], True]
    for payload in odd:
        answer = fuzzed.send(event, payload)
        assert answer["error"]["details"] == {"path": "$"}
    assert fuzzed.send(event, PAYLOADS[event], 2)["error"]["code"] == "VALIDATION_ERROR"


@settings(max_examples=examples(75))
@given(st.sampled_from(FIELDS), WRONG, st.sampled_from(["put", "add", "remove"]))
def test_any_mutation_of_a_payload_is_answered(
    mutated: Fuzzed, field: tuple[str, Place], value: Any, how: str
) -> None:
    event, place = field
    payload = put(PAYLOADS[event], place, value)
    if how == "add" and not isinstance(place[-1], int):
        payload = put(PAYLOADS[event], (*place[:-1], "noSuchField"), value)
    elif how == "remove":
        payload = put(PAYLOADS[event], place, None)
    # The attacker stays who it is, where it is.
    if event not in ("auth:logout", "project:leave", "room:leaveAll", "room:leave"):
        mutated.send(event, payload)


@pytest.mark.parametrize("event", PAYLOADS)
def test_binary_data_is_no_field(fuzzed: Fuzzed, event: str) -> None:
    async def send() -> Any:
        client = fuzzed.stage.attacker
        await client.send(f'451-7["{event}",{{"_placeholder":true,"num":0}}]')
        await client.send(b"\x00\xff")
        return await client.acknowledged(7)

    answer = fuzzed.runner.run(send())
    assert answer["error"]["code"] == "VALIDATION_ERROR"
    assert answer["error"]["message"] == "$ is binary data, expected an object"
