"""The rules of Engine.IO v4 and of WebSocket frames: pure functions and state, no I/O."""
