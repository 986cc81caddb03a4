"""A Socket.IO client for the terminal: `python -m socketio_min http://localhost:3000`.

Each line that is typed is an event's name and its arguments, each of them JSON; a word that is not
JSON is text. A line that begins with "?" waits for the acknowledgement and prints it. Events are
printed when they come, and `--wire` also shows every packet of both protocols. Everything that a
server sends is printed in ASCII, so that it cannot move the cursor or change colours.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

import orjson

from engineio_min.protocol.packets import Packet
from socketio_min.client.client import Client
from socketio_min.client.namespace import ClientNamespace
from socketio_min.client.options import SocketIOClientOptionValues
from socketio_min.errors import ConnectionRefused, PacketError, SocketIOError, UsageError
from socketio_min.protocol.decoding import decode

_ENGINE_NAMES = ("open", "close", "ping", "pong", "message", "upgrade", "noop")
_NAMES = ("CONNECT", "DISCONNECT", "EVENT", "ACK", "CONNECT_ERROR", "BINARY_EVENT", "BINARY_ACK")


def main(arguments: Sequence[str]) -> int:
    """Run the program. Return its exit status: 0, 1 when it could not connect, 2 for bad usage."""
    options = _parser().parse_args(arguments)
    try:
        return asyncio.run(_run(options))
    except KeyboardInterrupt:
        return 0


async def _run(options: argparse.Namespace) -> int:
    try:
        await _talk(options, sys.stdin, sys.stdout)
    except UsageError as error:
        print(f"socketio_min: {error}", file=sys.stderr)
        return 2
    except SocketIOError as error:
        print(f"socketio_min: {_explain(error)}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m socketio_min",
        description="Talk to a Socket.IO server. Type an event's name and its arguments (JSON, or "
        'text without spaces); "? name arguments" waits for the acknowledgement.',
    )
    parser.add_argument("url", help="http://host:port/namespace")
    parser.add_argument("--auth", metavar="JSON", help="what to present at CONNECT, an object")
    parser.add_argument("--header", action="append", default=[], metavar="NAME:VALUE")
    parser.add_argument("--path", default="/socket.io/", help="where the server answers")
    parser.add_argument("--transport", choices=("polling", "websocket"), help="only this one")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds for acknowledgements")
    parser.add_argument("--wire", action="store_true", help="show every packet")
    parser.add_argument("--no-reconnect", action="store_true", help="end with the connection")
    return parser


def _options(options: argparse.Namespace) -> SocketIOClientOptionValues:
    values: SocketIOClientOptionValues = {
        "path": options.path,
        "reconnection": not options.no_reconnect,
    }
    if options.auth is not None:
        try:
            auth = orjson.loads(options.auth)
        except ValueError:
            auth = None
        if not isinstance(auth, dict):
            raise UsageError(f"--auth: got {options.auth!r}, expected a JSON object")
        values["auth"] = auth
    headers = [header.partition(":") for header in options.header]
    values["extra_headers"] = {name.strip(): value.strip() for name, _, value in headers}
    if options.transport is not None:
        values["transports"] = [options.transport]
    return values


async def _talk(options: argparse.Namespace, lines: TextIO, out: TextIO) -> None:
    """Connect, and send each of `lines` until they end. Without reconnection, stop when the
    connection ends.

    Raises:
        SocketIOError: the connection could not be made, or an option is wrong.
    """

    def say(text: str) -> None:
        print(text, file=out, flush=True)

    client = Client(options.url, **_options(options))
    if options.wire:
        client.tap(lambda direction, packet: say(describe(direction, packet)))
    ended = asyncio.Event()
    client.on("connect", lambda: say(f"* connected, id {_show(client.id)}"))
    client.on("connect_error", lambda error: say(f"* not connected: {_explain(error)}"))

    def disconnected(reason: str) -> None:
        say(f"* disconnected: {_one_line(reason)}")
        if not client.active or options.no_reconnect:
            ended.set()

    client.on("disconnect", disconnected)
    client.on_any(lambda event, *args: say(f"< {' '.join([_show_name(event), *map(_show, args)])}"))
    try:
        await client.connect()
        typing = asyncio.ensure_future(_send_lines(client, lines, options.timeout, say))
        ending = asyncio.ensure_future(ended.wait())
        try:
            await asyncio.wait((typing, ending), return_when=asyncio.FIRST_COMPLETED)
        finally:
            ending.cancel()
            if not typing.done():
                typing.cancel()
            await asyncio.gather(typing, ending, return_exceptions=True)
    finally:
        await client.close()


async def _send_lines(client: ClientNamespace, lines: TextIO, timeout: float, say: Any) -> None:
    queue: asyncio.Queue[str | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        # Reading cannot be cancelled, so it is done in a daemon thread, which does not keep the
        # program alive.
        try:
            for line in lines:
                loop.call_soon_threadsafe(queue.put_nowait, line)
            loop.call_soon_threadsafe(queue.put_nowait, None)
        except RuntimeError:
            # The loop is closed: nobody reads the lines any more.
            pass

    threading.Thread(target=read, name="socketio-lines", daemon=True).start()
    while (line := await queue.get()) is not None:
        try:
            await _send_line(client, line.strip(), timeout, say)
        except SocketIOError as error:
            say(f"* {_one_line(str(error))}")
    await client.drained()


async def _send_line(client: ClientNamespace, line: str, timeout: float, say: Any) -> None:
    asks = line.startswith("?")
    words = list(_words(line.removeprefix("?")))
    if not words:
        return
    name, *args = words
    if not isinstance(name, str):
        raise UsageError(f"got {_show(name)} as the event's name, expected text")
    if not asks:
        client.emit(name, *args)
        return
    answer = await client.call(name, *args, timeout=timeout)
    values = answer if isinstance(answer, tuple) else () if answer is None else (answer,)
    say(f"= {' '.join(map(_show, values))}".rstrip())


def _words(line: str) -> Iterator[Any]:
    """Yield the values on a line: each is JSON, or a word of text."""
    decoder = json.JSONDecoder()
    while line := line.strip():
        try:
            value, end = decoder.raw_decode(line)
            if line[end : end + 1].strip():
                raise ValueError("a word that begins like JSON")
        except (ValueError, RecursionError):
            word, _, line = line.partition(" ")
            yield word
        else:
            yield value
            line = line[end:]


def describe(direction: str, packet: Packet) -> str:
    """Return a line about an Engine.IO packet and the Socket.IO packet in it.

    `direction` is "in" or "out".
    """
    arrow = "<<" if direction == "in" else ">>"
    if isinstance(packet, bytes):
        return f"{arrow} message, binary: {len(packet)} bytes {packet[:16].hex(' ')}"
    kind = packet[:1]
    name = _ENGINE_NAMES[int(kind)] if "0" <= kind <= "6" else "unknown"
    text = f"{arrow} {_one_line(packet)}  ({name}"
    if name == "message":
        try:
            type_, namespace, _, ack_id, attachments = decode(packet[1:])
        except PacketError:
            return f"{text}, no valid Socket.IO packet)"
        text += f": {_NAMES[type_]} in {_one_line(namespace)}"
        text += "" if ack_id is None else f", acknowledgement {ack_id}"
        text += f", {attachments} attachments" if attachments else ""
    return f"{text})"


def _show(value: Any) -> str:
    """Return a value as JSON in ASCII; of a binary value only the size is shown."""
    return json.dumps(value, default=lambda item: f"<{len(item)} bytes>")


def _show_name(name: str) -> str:
    return name if name.isascii() and name.isidentifier() else _show(name)


def _explain(error: Exception) -> str:
    """Return an error's text, and the data that a server has sent with its refusal."""
    text = _one_line(str(error))
    if isinstance(error, ConnectionRefused) and error.data is not None:
        text += f" {_show(error.data)}"
    return text


def _one_line(text: str) -> str:
    """Return a server's text with everything escaped that a terminal would act on."""
    return text if text.isascii() and text.isprintable() else ascii(text)
