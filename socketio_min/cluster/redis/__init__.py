"""A cluster by way of Redis, with servers of Node.js as equal members; needs the extra `redis`."""

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
