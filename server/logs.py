"""The log on stderr: lines for people, or one JSON object a line for programs."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

from server.envelope import timestamp


class JsonFormatter(logging.Formatter):
    """A record as `{time, level, logger, message, exception?}`."""

    def format(self, record: logging.LogRecord) -> str:
        """The record on one line."""
        values = {
            "time": timestamp(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info is not None:
            values["exception"] = self.formatException(record.exc_info)
        return json.dumps(values)


def configure(log_format: str) -> None:
    """Log warnings and worse in this format: "text" or "json"."""
    handler = logging.StreamHandler()
    if log_format == "json":
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
