"""The names of the events that nodes of a cluster send each other.

`server.cluster.node_event_handlers` handles them. What nodes tell of their people goes by an
event of its own, see `server.live.node_messages`.
"""

from __future__ import annotations

from typing import Final

NOTIFICATION: Final = "notification"
"""A user has a new notification."""
SESSION_OVER: Final = "session:over"
"""A session has ended, of this key."""
SESSION_RENEWED: Final = "session:renewed"
"""A session has another key; the old and the new one."""
MEMBER_GONE: Final = "member:gone"
"""A user may not see a project any more."""
PROJECT_GONE: Final = "project:gone"
"""A project is deleted."""
TICKET: Final = "ticket"
"""There is a ticket for a download."""
TICKET_USED: Final = "ticket:used"
"""A ticket was used."""
ANSWERS: Final = "ai:answers"
"""Which answers are being made in a project?"""
ANSWER_CANCELLED: Final = "ai:cancelled"
"""A user wants no more of an answer."""
METRICS: Final = "metrics"
"""What does a process of this machine, by its node's name, count?"""
FILES_MOVED: Final = "files:moved"
"""A file or folder of a project has another path."""
FILES_REPLACED: Final = "files:replaced"
"""A user has replaced or deleted files of a project: all, or what is at a path."""
LOCK_LOST: Final = "lock:lost"
"""A lock of this node was lost with its lease; its own clients know."""
LOCK_ANSWER: Final = "lock:answer"
"""The holder of a lock answers to a request for it; what has become of it?"""
