"""Names that other Socket.IO clients have and these have not, with what to write in their place.

`socketio_min/foreign_names.py` says how they are looked up.
"""

from __future__ import annotations

from collections.abc import Mapping

# What both clients have in common.
COMMON: Mapping[str, str] = {
    "sid": "client.id",
    "get_sid": "client.id",
    "event": '@client.on("name")',
    "register_namespace": 'handlers = client.of(name), and @handlers.on("name") for each event',
    "once": '@client.on("name"), whose handler calls client.off("name")',
    "io": "@client.on_connection(event)",
    "receive": '@client.on("name")',
    "send": 'client.emit("message", data)',
    "handlers": '@client.on("name"), with client.off("name") to take one off',
    "connection_url": "the URL that the client was made with: Client(url) fixes it",
    "connection_transports": "Client(url, transports=[...])",
    "connection_headers": "Client(url, extra_headers={...})",
    "connection_auth": "Client(url, auth={...})",
    "eio": "client.transport, and client.on_connection(...) for what happens to the connection",
}
ASYNCHRONOUS: Mapping[str, str] = {
    **COMMON,
    "wait": "await asyncio.Event().wait(), or whatever the program waits for: the client works "
    "in the event loop meanwhile",
    "client_class": "Client(url)",
    "client": "the Client itself",
    "sleep": "await asyncio.sleep(seconds)",
    "start_background_task": "asyncio.create_task(function(...))",
    "shutdown": "await client.close()",
    "create_event": "asyncio.Event()",
}
BLOCKING: Mapping[str, str] = {
    **COMMON,
    "wait": "threading.Event().wait(), or whatever the program waits for: handlers run in a thread "
    "of their own",
    "client_class": "BlockingClient(url)",
    "client": "the BlockingClient itself",
    "sleep": "time.sleep(seconds)",
    "start_background_task": "threading.Thread(target=function, args=(...)).start()",
    "shutdown": "client.close()",
    "create_event": "threading.Event()",
    "open": "client.connect()",
}
