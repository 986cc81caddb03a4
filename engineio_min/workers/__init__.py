"""Several processes on one port: who supervises them, and how a client always meets its own.

They are Engine.IO's affair: a session's id names its process, and a connection that comes to
another one is passed on. What is served is any coroutine. That rooms are shared is Socket.IO's.
"""

from engineio_min.workers.supervisor import Supervisor

__all__ = ["Supervisor"]
