"""The rules of Socket.IO v5: pure functions and state, no I/O."""
