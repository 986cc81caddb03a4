"""The rules of Socket.IO v5: pure functions and state, without input, output or a clock.

What a packet is: `packets`, and the `parser` that writes and reads packets. The default parser is
`json_parser`, with `encoding`, `decoding`, `gradual_decoding` and `attachments`; `msgpack` has
another.
What may come when: `peer` for a client's packets, `client_peer` for a server's.
What a namespace needs: `rooms`, `turns` of handlers, `outgoing` events, a client's `handshake`.
What a client needs: `retries` of events, and the `backoff` between attempts to connect.
What values cost: `weights`.
"""
