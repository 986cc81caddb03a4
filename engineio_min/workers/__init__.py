"""Several processes on one port: how they are supervised, and how a client always meets its own.

A session's id names its process, and a connection that comes to another process is passed on. A
worker serves any coroutine; sharing rooms between workers is the affair of Socket.IO.
"""
