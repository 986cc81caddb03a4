"""The log on stderr: lines for people, or one JSON object a line for programs.

A record may have `fields`, values that a program would look for: `extra={"fields": {…}}`.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Final

from server.api.envelope import timestamp

_ESCAPED: Final = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))}


class JsonFormatter(logging.Formatter):
    """A record as `{time, level, logger, message, …fields, exception?}`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record on one line."""
        values = {
            "time": timestamp(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info is not None:
            values["exception"] = self.formatException(record.exc_info)
        return json.dumps(values)


class TextFormatter(logging.Formatter):
    """A record as a line: time, level, logger, message, fields; an exception below it."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the line. No name that a client chooses begins another line, or steers a
        terminal.
        """
        fields = getattr(record, "fields", {})
        shown = [f"{name}={json.dumps(value)}" for name, value in fields.items()]
        return " ".join([super().formatMessage(record).translate(_ESCAPED), *shown])


def configure(log_format: str, level: str) -> None:
    """Log records of this level ("info" or "warning") and worse as "text" or "json"."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    # Libraries log more than anybody has asked for.
    logging.getLogger("server").setLevel(level.upper())
