"""A cluster by way of Redis, with servers of Node.js as equal members; needs the extra `redis`.

The adapters: `classic`, `sharded`, and `streams` with `stream_hub`, `stream_reader`,
`stream_sessions` and `stream_sessions_ahead`. Without a server: `emitter`, of `emission`.
What the messages are in bytes: `classic_wire`, `cluster_wire`, `stream_wire`, `msgpack`.
The link to Redis: `bus` is its interface; `link` has a `connection`, with `address`, `opening`,
`resp` and `subscriptions`.
To a Redis Cluster: `cluster_link` has a `node_link` to each node, with `slots`, `slot_table`,
`moving_slots` and `sharded_channels`.
"""

try:
    import hiredis  # noqa: F401
    import msgspec  # noqa: F401
except ImportError as error:
    raise ImportError(
        f"the adapters for Redis need {error.name}: pip install 'socketio-min[redis]'"
    ) from None

from socketio_min.cluster.redis.classic import RedisAdapter
from socketio_min.cluster.redis.emitter import BlockingEmitter, Emitter
from socketio_min.cluster.redis.sharded import ShardedRedisAdapter
from socketio_min.cluster.redis.streams import RedisStreamsAdapter

__all__ = [
    "BlockingEmitter",
    "Emitter",
    "RedisAdapter",
    "RedisStreamsAdapter",
    "ShardedRedisAdapter",
]
