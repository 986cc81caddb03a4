"""A client for scripts, threads and the interactive interpreter: `Client` without `async`.

The asynchronous client runs in an event loop in a thread of its own; every method hands its work
over to that loop and waits. Handlers run one after the other in a second thread, so that a handler
may call the client's methods, `call` among them, and cannot hold up the connection's heartbeat.

Both threads are daemons, and a finalizer ends them when the client is dropped or the interpreter
exits. The threads therefore refer to the `_Runner` only, never to the `BlockingClient`. Rejected:
`concurrent.futures`, because its threads are joined at exit before anything can close what they
wait for.

A forked child has neither thread, and shares the parent's connection: in the child every method
raises an error that says so.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import logging
import os
import queue
import threading
import weakref
from collections.abc import Callable, Coroutine
from typing import Any, Self, TypeVar, Unpack, cast, overload

from socketio_min.client.client import Client
from socketio_min.client.foreign_names import BLOCKING
from socketio_min.client.namespace import RULES, ClientNamespace
from socketio_min.client.options import Auth, SocketIOClientOptionValues
from socketio_min.errors import Disconnected, UsageError
from socketio_min.foreign_names import tells_names
from socketio_min.handler_checks import ALL, check_call, check_event, check_handler, require_plain
from socketio_min.registration import Function, Handler

logger = logging.getLogger("socketio_min")

Result = TypeVar("Result")

# Seconds that DISCONNECT, and then each thread, may take when the client is closed.
CLOSE_TIMEOUT = 5.0
_FOR_CLIENT = "asynchronous ones are for Client"


class _Runner:
    """The two threads of a client; runs coroutines in the one and handlers in the other."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._closed = False
        self._process = os.getpid()
        self._stopped = asyncio.Event()
        self._threads = [
            threading.Thread(target=self._run_loop, name="socketio-loop", daemon=True),
            threading.Thread(target=self._run_handlers, name="socketio-handlers", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def _run_loop(self) -> None:
        # `asyncio.run` cancels the tasks that are left when it ends.
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(self._stopped.wait())

    def _run_handlers(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def wait_for(
        self, coroutine: Coroutine[Any, Any, Result], timeout: float | None = None
    ) -> Result:
        """Run a coroutine in the loop and wait for its result, for `timeout` seconds if given.

        Raises:
            Disconnected: the client is closed.
            UsageError: this is the loop's own thread, or a forked child.
        """
        try:
            self._check()
        except Exception:
            coroutine.close()
            raise
        future = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        try:
            return future.result(timeout)
        except BaseException:
            # A KeyboardInterrupt came, or the time has passed: nobody waits for the result any
            # more.
            future.cancel()
            raise

    def _check(self) -> None:
        if self._forked:
            raise UsageError(
                "this client was made before the process forked, and its threads are in the parent "
                "only: make another one in the child"
            )
        if self._closed:
            raise Disconnected("the client is closed: make another one")
        if threading.current_thread() is self._threads[0]:
            raise UsageError(
                "a blocking method was called in the event loop's thread, by a listener of "
                "on_any or on_connection: do it in a handler instead"
            )

    @property
    def _forked(self) -> bool:
        return os.getpid() != self._process

    async def run_handler(self, handler: Handler, *args: Any) -> Any:
        """Run a handler in the handlers' thread, after all handlers that were started before."""
        # The handler's error is passed on as a value, because futures treat some exceptions in
        # their own way.
        future: concurrent.futures.Future[tuple[Any, Exception | None]]
        future = concurrent.futures.Future()

        def job() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = handler(*args)
            except Exception as error:
                future.set_result((None, error))
            else:
                future.set_result((result, None))

        self._jobs.put(job)
        result, error = await asyncio.wrap_future(future)
        if error is not None:
            raise error
        return result

    def close(self, client: Client) -> None:
        """Leave every namespace, let the handlers come to their end, and end the threads."""
        if self._forked:
            return
        try:
            self.wait_for(_goodbye(client), CLOSE_TIMEOUT)
        except Exception:
            logger.exception("the connection could not be closed properly")
        self._closed = True
        self._jobs.put(None)
        loop_thread, handler_thread = self._threads
        if handler_thread is not threading.current_thread():
            handler_thread.join(CLOSE_TIMEOUT)
        # The rest is not waited for: a handler that hangs must not keep the interpreter alive.
        asyncio.run_coroutine_threadsafe(self._stop(client), self.loop)
        loop_thread.join(CLOSE_TIMEOUT)

    async def _stop(self, client: Client) -> None:
        await client.close()
        self._stopped.set()


@tells_names(BLOCKING)
class BlockingNamespace:
    """A `ClientNamespace` whose methods block until they are done."""

    def __init__(self, runner: _Runner, namespace: ClientNamespace) -> None:
        self._runner = runner
        self._namespace = namespace

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} {'connected' if self.connected else 'closed'}>"

    @property
    def name(self) -> str:
        """Return the namespace's name."""
        return self._namespace.name

    @property
    def id(self) -> str | None:
        """Return the socket's id while connected, else None."""
        return self._namespace.id

    @property
    def connected(self) -> bool:
        """Return whether the server has accepted this client in the namespace."""
        return self._namespace.connected

    @property
    def recovered(self) -> bool:
        """Return whether the server has restored the state before the last disconnection."""
        return self._namespace.recovered

    @overload
    def on(self, event: str) -> Callable[[Function], Function]: ...
    @overload
    def on(self, event: str, handler: Function) -> Function: ...
    def on(
        self, event: str, handler: Function | None = None
    ) -> Function | Callable[[Function], Function]:
        """Handle `event` with `handler(*args)`, a plain function; also a decorator.

        It runs in a thread of its own, after the handlers of earlier events. See
        `ClientNamespace.on`.

        Raises:
            UsageError: the event has a handler already, or is reserved, or the handler cannot be
            called so, or is asynchronous.
        """
        check_event(event, ALL)

        def register(function: Function) -> Function:
            check_handler(event, function, RULES.lifecycle)
            require_plain(function, f"the handler of {event!r}", _FOR_CLIENT)
            self._namespace.on(event, _in_thread(self._runner, contained(function)))
            return function

        return register if handler is None else register(handler)

    def off(self, event: str) -> None:
        """Handle `event` no longer."""
        self._namespace.off(event)

    def on_any(self, listener: Function) -> Function:
        """Call `listener(event, *args)` for each event that comes in, in the loop's thread: it must
        not block.

        Raises:
            UsageError: it cannot be called so, or is asynchronous.
        """
        check_call("a listener of on_any", listener, "event", more=True)
        require_plain(listener, "a listener of on_any", _FOR_CLIENT)
        self._namespace.on_any(contained(listener))
        return listener

    def connect(self, timeout: float | None = None) -> None:
        """Connect; as `ClientNamespace.connect`, for at most `timeout` seconds.

        Raises:
            ConnectionRefused, ConnectionFailed, Disconnected: as there. TimeoutError: connecting
            took longer.
        """
        self._runner.wait_for(_within(timeout, self._namespace.connect()))

    def disconnect(self) -> None:
        """Leave the namespace, and wait until DISCONNECT is sent; `connect` joins again."""
        self._runner.wait_for(_left(self._namespace))

    def emit(self, event: str, *args: Any) -> None:
        """Send an event, or keep it until there is a connection.

        Raises:
            UsageError: the event's name is reserved, or a value cannot be encoded.
        """
        self._runner.wait_for(_called(self._namespace.emit, event, *args))

    def emit_volatile(self, event: str, *args: Any) -> None:
        """Send an event if it can leave at once, else drop it.

        Raises:
            UsageError: as `emit`.
        """
        self._runner.wait_for(_called(self._namespace.volatile.emit, event, *args))

    def call(self, event: str, *args: Any, timeout: float | None = None) -> Any:
        """Send an event and wait for its acknowledgement; see `ClientNamespace.call`.

        Raises:
            AcknowledgementTimeout, Disconnected, UsageError: as there.
        """
        return self._runner.wait_for(self._namespace.call(event, *args, timeout=timeout))


class BlockingClient(BlockingNamespace):
    """A `Client` for scripts and threads; takes the same options.

    Every method may be called from any thread, handlers included. `with BlockingClient(url) as
    client:` connects and closes; without it, the connection is closed when the client is dropped or
    the interpreter exits.

    Raises:
        UsageError: the URL or an option has a value that it cannot have.
    """

    def __init__(self, url: str, **options: Unpack[SocketIOClientOptionValues]) -> None:
        auth = options.get("auth")
        if callable(auth):
            options["auth"] = contained(auth)
        client = Client(url, **options)
        super().__init__(_Runner(), client)
        self._client = client
        self._finalizer = weakref.finalize(self, self._runner.close, client)

    def __enter__(self) -> Self:
        try:
            self.connect()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def of(self, name: str, *, auth: Auth = None) -> BlockingNamespace:
        """Return another namespace on this connection; see `Client.of`."""
        given = contained(auth) if callable(auth) else auth
        return BlockingNamespace(self._runner, self._client.of(name, auth=given))

    @overload
    def on_connection(self, event: str) -> Callable[[Function], Function]: ...
    @overload
    def on_connection(self, event: str, listener: Function) -> Function: ...
    def on_connection(
        self, event: str, listener: Function | None = None
    ) -> Function | Callable[[Function], Function]:
        """Call `listener` for what happens to the connection, in the loop's thread; see
        `Client.on_connection`.
        """
        add = self._client.on_connection(event)

        def register(function: Function) -> Function:
            add(contained(function))
            return function

        return register if listener is None else register(listener)

    @property
    def transport(self) -> str | None:
        """Return what carries the connection: "polling", "websocket", or None without one."""
        return self._client.transport

    def close(self) -> None:
        """Leave every namespace and end the threads; the client is not used again."""
        self._finalizer()


def contained(function: Function) -> Function:
    """Return a function that calls `function` and raises any error of it as an ordinary failure.

    `sys.exit()`, a KeyboardInterrupt and a failed assertion of pytest are meant for the main
    thread. In a thread of a blocking client they would end that thread, and with it the client.
    """

    @functools.wraps(function)
    def call(*args: Any) -> Any:
        try:
            return function(*args)
        except Exception:
            raise
        except BaseException as error:
            raise UsageError(
                f"a handler raised {error!r}, which ends neither the program nor this thread: tell "
                "the main thread of it, for example by a threading.Event"
            ) from error

    return cast(Function, call)


def _in_thread(runner: _Runner, function: Handler) -> Handler:
    """Return a handler for the asynchronous client that runs `function` in the handlers' thread."""

    # The wrapper shows the same parameters as the function.
    @functools.wraps(function)
    async def handler(*args: Any) -> Any:
        return await runner.run_handler(function, *args)

    return handler


async def _within(timeout: float | None, coroutine: Coroutine[Any, Any, None]) -> None:
    try:
        async with asyncio.timeout(timeout):
            await coroutine
    except TimeoutError:
        raise TimeoutError(
            f"got no connection within {timeout:g} seconds: is the server running?"
        ) from None


async def _called(function: Callable[..., None], *args: Any) -> None:
    function(*args)


async def _left(namespace: ClientNamespace) -> None:
    await namespace.disconnect()


async def _goodbye(client: Client) -> None:
    for namespace in tuple(client.namespaces.values()):
        await namespace.disconnect()
