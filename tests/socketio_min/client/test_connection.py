"""Every interleaving of connect, open, disconnect, close, cancellation and loss ends connected, or
told: walks of hypothesis, and those that once ended neither way.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from socketio_min import ConnectionFailed
from tests.effort import examples
from tests.socketio_min.client.connecting import (
    NAMESPACES,
    REACTIONS,
    Meeting,
    NetworkLoop,
    simulate,
)

names = st.sampled_from(NAMESPACES)
delays = st.sampled_from([0.0, 0.0, 0.05, 3.0, 30.0])
events = st.sampled_from(
    [
        *("connect", "connect_error", "disconnect"),
        *("open", "close", "reconnect_attempt", "reconnect_error", "reconnect_failed"),
    ]
)


class Connecting(RuleBasedStateMachine):
    """A client to which everything happens at every moment."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = NetworkLoop()
        self.meeting: Meeting

    @initialize(
        transports=st.sampled_from([["websocket"], ["polling"], ["polling", "websocket"]]),
        reconnection=st.sampled_from([{}, {"reconnection_attempts": 2}, {"reconnection": False}]),
    )
    def begin(self, transports: list[str], reconnection: dict[str, Any]) -> None:
        async def make() -> Meeting:
            return Meeting(self.loop, transports=transports, **reconnection)

        self.meeting = self.loop.run_until_complete(make())

    def _in_loop(self, function: Any, *args: Any) -> None:
        async def run() -> None:
            function(*args)

        self.loop.run_until_complete(run())

    @rule(name=names)
    def open(self, name: str) -> None:
        self._in_loop(self.meeting.do, "open", name)

    @rule(name=names, timeout=st.sampled_from([None, None, 0.0, 0.01, 0.5, 5.0]))
    def connect(self, name: str, timeout: float | None) -> None:
        self._in_loop(self.meeting.do, "connect", name, timeout)

    @rule(name=names)
    def disconnect(self, name: str) -> None:
        self._in_loop(self.meeting.do, "disconnect", name)

    @rule(name=names)
    def leave_and_come_back(self, name: str) -> None:
        self._in_loop(self.meeting.do, "return", name)

    @rule()
    def close(self) -> None:
        self._in_loop(self.meeting.do, "close", "/")

    @rule(number=st.integers(0, 3))
    def cancel(self, number: int) -> None:
        self._in_loop(self.meeting.cancel, number)

    @rule(event=events, name=names, action=st.sampled_from(REACTIONS))
    def react(self, event: str, name: str, action: str) -> None:
        """The next handler of this event does something itself."""
        self.meeting.reactions.append((event, name, action))

    @rule(how=st.sampled_from(["cut", "vanish"]))
    def lose(self, how: str) -> None:
        self._in_loop(getattr(self.meeting.network, how))

    @rule(up=st.booleans())
    def go_up_or_down(self, up: bool) -> None:
        self.meeting.network.up = up
        if not up:
            self._in_loop(self.meeting.network.cut)

    @rule(name=names, close=st.booleans())
    def put_out(self, name: str, close: bool) -> None:
        self._in_loop(lambda: self.meeting.io.of(name).disconnect_sockets(close=close))

    @rule(answer=delays, auth=delays, latency=st.sampled_from([0.0, 0.01, 1.0]))
    def be_slow(self, answer: float, auth: float, latency: float) -> None:
        self.meeting.answer_delay = answer
        self.meeting.auth_delay = auth
        self.meeting.network.latency = latency

    @rule(refuses=st.integers(0, 1), auth_failures=st.integers(0, 2))
    def refuse(self, refuses: int, auth_failures: int) -> None:
        self.meeting.refuses = refuses
        self.meeting.auth_failures = auth_failures

    @rule(turns=st.sampled_from([1, 2, 3, 5, 8, 13, 21]))
    def go_on(self, turns: int) -> None:
        """A little of what is to be done now."""

        async def some() -> None:
            for _ in range(turns):
                await asyncio.sleep(0)

        self.loop.run_until_complete(some())

    @rule(seconds=st.sampled_from([0.0, 0.005, 0.02, 0.3, 1.0, 6.0, 60.0]))
    def pass_time(self, seconds: float) -> None:
        self.loop.run_until_complete(self.meeting.advance(seconds))

    @rule()
    def come_to_rest(self) -> None:
        self.loop.run_until_complete(self.meeting.check())

    def teardown(self) -> None:
        try:
            if hasattr(self, "meeting"):
                self.loop.run_until_complete(self.meeting.check())
                self.loop.run_until_complete(self.meeting.finish())
        finally:
            self.loop.close()


TestConnecting = Connecting.TestCase
TestConnecting.settings = settings(max_examples=examples(20), stateful_step_count=40)


# -- what once ended neither connected nor told


def test_leaving_before_the_answer_and_coming_back() -> None:
    async def story(meeting: Meeting) -> None:
        meeting.answer_delay = 1.0
        meeting.do("open", "/")
        await meeting.advance(0.5)
        meeting.do("return", "/")
        await meeting.advance(5)
        assert meeting.client.connected

    simulate(story)


def test_connecting_again_after_a_timeout() -> None:
    async def story(meeting: Meeting) -> None:
        meeting.answer_delay = 1.0
        for _ in range(2):
            meeting.do("connect", "/", 0.5)
            await meeting.advance(5)
        assert meeting.log["/"] == ["ask", "TimeoutError"] * 2
        meeting.answer_delay = 0.0
        meeting.do("connect", "/", 0.5)
        await meeting.advance(5)
        assert meeting.client.connected

    simulate(story)


@pytest.mark.parametrize("seconds", [0.0, 0.005, 0.015, 0.5])
def test_leaving_during_a_reconnection_and_coming_back(seconds: float) -> None:
    async def story(meeting: Meeting) -> None:
        meeting.do("open", "/")
        await meeting.advance(1)
        meeting.answer_delay = 1.0
        meeting.network.cut()
        await meeting.advance(2 + seconds)
        meeting.do("return", "/")
        await meeting.advance(5)
        assert meeting.client.connected

    simulate(story, reconnection_delay=2.0, randomization_factor=0)


def test_a_timeout_of_connect_leaves_a_reconnection_alone() -> None:
    async def story(meeting: Meeting) -> None:
        meeting.do("connect", "/")
        await meeting.advance(1)
        meeting.network.up = False
        meeting.network.cut()
        await meeting.advance(1)
        meeting.do("connect", "/", 0.5)
        await meeting.advance(1)
        assert "TimeoutError" in meeting.log["/"]
        meeting.network.up = True
        await meeting.advance(10)
        assert meeting.client.connected

    simulate(story)


def test_a_timeout_of_connect_leaves_another_call_alone() -> None:
    async def story(meeting: Meeting) -> None:
        meeting.answer_delay = 1.0
        meeting.do("connect", "/", 0.5)
        meeting.do("connect", "/")
        await meeting.advance(5)
        assert meeting.client.connected

    simulate(story)


@pytest.mark.parametrize("action", ["open", "connect"])
@pytest.mark.parametrize("event", ["disconnect", "close"])
@pytest.mark.parametrize("accepted", [True, False])
def test_coming_back_without_reconnection(action: str, event: str, accepted: bool) -> None:
    async def story(meeting: Meeting) -> None:
        meeting.answer_delay = 0.0 if accepted else 2.0
        meeting.do("open", "/")
        await meeting.advance(1)
        # Who was never accepted is not told of an end.
        told = "connect_error" if event == "disconnect" and not accepted else event
        meeting.reactions.append((told, "/", action))
        meeting.network.cut()
        await meeting.advance(5)
        assert not meeting.reactions
        assert meeting.client.connected

    simulate(story, reconnection=False)


@pytest.mark.parametrize("action", ["open", "connect"])
@pytest.mark.parametrize(
    ("event", "options"),
    [
        ("connect_error", {"reconnection": False}),
        ("connect_error", {"reconnection_attempts": 1}),
        ("reconnect_error", {"reconnection_attempts": 1}),
        ("reconnect_failed", {"reconnection_attempts": 1}),
    ],
)
def test_trying_again_after_the_last_attempt(
    action: str, event: str, options: dict[str, Any]
) -> None:
    async def story(meeting: Meeting) -> None:
        meeting.network.up = False
        meeting.do("open", "/")
        if event == "connect_error" and options.get("reconnection_attempts"):
            await meeting.advance(0.1)
        meeting.reactions.append((event, "/", action))
        while meeting.reactions:
            await meeting.advance(0.001)
        meeting.network.up = True
        await meeting.advance(10)
        assert meeting.client.connected

    simulate(story, **options)


def test_an_auth_that_fails_once_does_not_end_the_reconnection() -> None:
    async def story(meeting: Meeting) -> None:
        errors: list[Exception] = []
        meeting.client.off("connect_error")
        meeting.client.on("connect_error", errors.append)
        meeting.do("connect", "/")
        await meeting.advance(1)
        meeting.auth_failures = 2
        meeting.network.cut()
        await meeting.advance(20)
        assert meeting.client.connected
        assert [type(error) for error in errors] == [ConnectionFailed] * 2
        assert str(errors[0]) == "the application's auth failed: LookupError('no token yet')"

    simulate(story)


def test_an_auth_that_keeps_failing_is_asked_as_often_as_there_are_attempts() -> None:
    async def story(meeting: Meeting) -> None:
        meeting.do("connect", "/")
        await meeting.advance(1)
        meeting.auth_failures = 100
        meeting.network.cut()
        await meeting.advance(60)
        assert meeting.auth_failures == 100 - 3
        assert not meeting.client.active

    simulate(story, reconnection_attempts=2)


def test_an_auth_that_hangs_is_asked_once_at_a_time() -> None:
    async def story(meeting: Meeting) -> None:
        meeting.auth_delay = 1_000.0
        meeting.do("open", "/")
        for _ in range(5):
            await meeting.advance(5)
            assert len(meeting.client._manager._tasks) == 1
            meeting.network.cut()
        await meeting.advance(0.1)
        assert not meeting.client._manager._tasks

    simulate(story)


def test_an_auth_that_leaves() -> None:
    async def story(meeting: Meeting) -> None:
        def auth() -> None:
            meeting.client.auth = None
            meeting.do("disconnect", "/")

        meeting.client.auth = auth
        meeting.do("open", "/")
        await meeting.advance(1)
        assert not meeting.client.active
        meeting.do("open", "/")
        await meeting.advance(1)
        assert meeting.client.connected

    simulate(story)


def test_an_auth_whose_inner_task_was_cancelled_has_failed() -> None:
    async def story(meeting: Meeting) -> None:
        async def auth() -> None:
            meeting.client.auth = None
            raise asyncio.CancelledError

        meeting.client.auth = auth
        meeting.do("open", "/")
        await meeting.advance(5)
        assert meeting.client.connected

    simulate(story)


def test_closing_leaves_the_next_connection_alone() -> None:
    async def story(meeting: Meeting) -> None:
        ended: list[str] = []

        async def slow(name: str) -> None:
            await asyncio.sleep(10)
            ended.append(name)

        meeting.client.on("slow", slow)
        meeting.do("open", "/")
        await meeting.advance(1)
        meeting.io.emit("slow", "first")
        await meeting.advance(1)
        # The goodbye takes its time.
        meeting.network.vanish()
        meeting.do("close", "/")
        await meeting.advance(0)
        meeting.do("open", "/")
        await meeting.advance(2)
        meeting.io.emit("slow", "second")
        await meeting.advance(20)
        assert ended == ["second"]

    simulate(story, transports=["websocket"])


def test_a_goodbye_that_crosses_ours_does_not_take_the_next_connection() -> None:
    async def story(meeting: Meeting) -> None:
        for name in NAMESPACES:
            meeting.do("open", name)
        await meeting.advance(1)
        meeting.answer_delay = 1.0
        meeting.io.of("/chat").disconnect_sockets()
        meeting.do("return", "/chat")
        await meeting.advance(5)
        assert meeting.namespace("/chat").connected
        assert meeting.log["/chat"] == ["ask", "connect", "unask", "disconnect", "ask", "connect"]

    simulate(story)


def test_the_end_of_an_earlier_connection_is_told_to_nobody_else() -> None:
    """Attachments of the next connection that are overdue still end it."""

    async def story(meeting: Meeting) -> None:
        meeting.do("open", "/")
        await meeting.advance(1)
        meeting.network.vanish()
        # Its goodbye will take five seconds.
        meeting.do("return", "/")
        await meeting.advance(1)
        assert meeting.client.connected
        engine = meeting.client._manager.engine
        assert engine is not None
        engine.on_message('51-["a",{"_placeholder":true,"num":0}]')
        await meeting.advance(31)
        assert meeting.log["/"].count("disconnect") == 2

    simulate(story, transports=["polling"])


@pytest.mark.parametrize("action", ["disconnect", "return"])
def test_leaving_when_an_attempt_begins(action: str) -> None:
    async def story(meeting: Meeting) -> None:
        meeting.network.up = False
        meeting.do("open", "/")
        meeting.do("open", "/")
        meeting.reactions.append(("reconnect_attempt", "/", action))
        while meeting.reactions:
            await meeting.advance(0.1)
        meeting.network.up = True
        await meeting.advance(10)
        assert meeting.client.connected == (action == "return")

    simulate(story)


def test_who_was_left_by_a_handler_hears_nothing_more() -> None:
    async def story(meeting: Meeting) -> None:
        meeting.network.up = False
        for name in NAMESPACES:
            meeting.do("open", name)
        meeting.reactions.append(("connect_error", "/chat", "disconnect"))
        await meeting.advance(0.1)
        assert meeting.log == {"/": ["ask", "connect_error"], "/chat": ["ask", "unask"]}

    simulate(story)


def test_what_waited_behind_a_handler_that_leaves_is_not_told() -> None:
    async def story(meeting: Meeting) -> None:
        seen: list[int] = []

        async def early(number: int) -> None:
            seen.append(number)
            meeting.do("disconnect", "/")

        meeting.client.on("early", early)
        # The answer is the test's.
        meeting.answer_delay = 30.0
        meeting.do("open", "/")
        while not meeting.client._membership.asked:
            await meeting.advance(0.001)
        engine = meeting.client._manager.engine
        assert engine is not None
        for message in ('2["early",1]', '2["early",2]', '0{"sid":"s1"}'):
            engine.on_message(message)
        await meeting.advance(1)
        assert seen == [1]
        assert meeting.log["/"] == ["ask", "unask", "disconnect"]

    simulate(story, transports=["websocket"])
