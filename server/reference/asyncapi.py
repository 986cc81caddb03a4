"""The API as an AsyncAPI 3.1 document: for code generators, and for people with a viewer.

Socket.IO has no binding of its own in AsyncAPI, so it is mapped: the namespace "/" is the channel,
an event is a message named after it, the second argument (the envelope) is the message's headers,
and an acknowledgement is the operation's reply.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import yaml

from server.api.all_announcements import ANNOUNCEMENTS
from server.api.announcements import Announcement
from server.api.envelope import Envelope
from server.api.errors import Code
from server.api.registry import EventSpec
from server.api.types import Payload, Record
from server.events import EVENTS
from server.reference.structs import has_any_data

VERSION: Final = "1.0.0"
_SCHEMAS: Final = "#/components/schemas/{name}"
_ANYTHING: Final[dict[str, Any]] = {}
_CHANNEL: Final = {"$ref": "#/channels/main"}


def render() -> str:
    """Return the document as YAML."""
    return yaml.dump(document(), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def document() -> dict[str, Any]:
    """Return the document."""
    messages: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for spec in EVENTS.values():
        key = _key(spec.name)
        messages[f"send.{key}"] = _message(spec.name, spec.about, _schema(spec.payload))
        messages[f"ack.{key}"] = _message(
            f"acknowledgement of {spec.name}", "The acknowledgement.", _acknowledgement(spec)
        )
        operations[f"send.{key}"] = {
            "action": "receive",
            "channel": _CHANNEL,
            "summary": spec.about.partition("\n")[0],
            "description": f"Sent by {spec.access.value}.",
            "messages": [_in_channel(f"send.{key}")],
            "reply": {"channel": _CHANNEL, "messages": [_in_channel(f"ack.{key}")]},
        }
    for kind in ANNOUNCEMENTS.values():
        key = _key(kind.event)
        about = kind.__doc__ or ""
        messages[f"hear.{key}"] = {
            **_message(kind.event, about, _data_schema(kind)),
            "headers": _schema(Envelope),
        }
        operations[f"hear.{key}"] = {
            "action": "send",
            "channel": _CHANNEL,
            "summary": " ".join(about.split()),
            "description": f"Heard by {kind.heard_by}.",
            "messages": [_in_channel(f"hear.{key}")],
        }
    return {
        "asyncapi": "3.1.0",
        "info": {
            "title": "AI Coding Assistant: WebSocket API",
            "version": VERSION,
            "description": "Live projects, collaboration and an assistant over Socket.IO v5. "
            "The operations are the server's: it receives what a client sends.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "development": {
                "host": "localhost:3001",
                "pathname": "/socket.io/",
                "protocol": "ws",
                "description": "What `make serve` starts. Clients connect with Socket.IO.",
            }
        },
        "channels": {
            "main": {
                "address": "/",
                "description": "The namespace of all events.",
                "messages": {key: {"$ref": f"#/components/messages/{key}"} for key in messages},
            }
        },
        "operations": operations,
        "components": {"messages": messages, "schemas": _components()},
    }


def _message(name: str, about: str, payload: Any) -> dict[str, Any]:
    summary = " ".join(about.split())
    return {"name": name, "title": name, "summary": summary, "payload": payload}


def _acknowledgement(spec: EventSpec) -> dict[str, Any]:
    done: dict[str, Any] = {
        "type": "object",
        "properties": {"ok": {"const": True}},
        "required": ["ok"],
    }
    if spec.result is not None:
        done = {"allOf": [done, _schema(spec.result)]}
    return {"oneOf": [done, {"$ref": "#/components/schemas/Failure"}]}


def _data_schema(kind: type[Announcement]) -> Any:
    # An event with a `data` of its own may have any value.
    return _ANYTHING if has_any_data(kind) else _schema(kind)


def _schema(kind: Any) -> Any:
    if not isinstance(kind, type) or not issubclass(kind, Payload | Record):
        return _ANYTHING
    return {"$ref": _SCHEMAS.format(name=kind.__name__)}


def _components() -> dict[str, Any]:
    kinds = [spec.payload for spec in EVENTS.values() if spec.is_object]
    kinds += [spec.result for spec in EVENTS.values() if spec.result is not None]
    kinds += [kind for kind in ANNOUNCEMENTS.values() if not has_any_data(kind)]
    _, found = msgspec.json.schema_components([*kinds, Envelope], ref_template=_SCHEMAS)
    for schema in found.values():
        if "description" in schema:
            # The docstring is as in the source, with line ends and, before Python 3.13, with its
            # indentation.
            schema["description"] = " ".join(schema["description"].split())
    error = {
        "type": "object",
        "properties": {
            "code": {"enum": [code.value for code in Code]},
            "message": {"type": "string"},
            "details": {"type": "object"},
        },
        "required": ["code", "message"],
    }
    failure = {
        "title": "Failure",
        "type": "object",
        "properties": {"ok": {"const": False}, "error": error},
        "required": ["ok", "error"],
    }
    return {**dict(sorted(found.items())), "Failure": failure}


def _in_channel(key: str) -> dict[str, str]:
    return {"$ref": f"#/channels/main/messages/{key}"}


def _key(event: str) -> str:
    return event.replace(":", ".")


class _Dumper(yaml.SafeDumper):
    """Writes equal values out again, without references that only YAML has."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
