"""What carries a session: long-polling and WebSocket, and the connection that the handlers see."""
