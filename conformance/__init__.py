"""Conformance of Socket.IO servers: a reference target, and in `js` the official clients."""
