"""Fuzzing of everything that reads what a peer sent.

A target is a module with `SEEDS`, inputs to start from, and `check`, which raises for an input that
breaks the invariants at the top of the file. Beyond "nothing unexpected is raised" these are, as
far as they apply: what was accepted means the same when it is encoded and read again, how the
bytes are split into reads changes nothing, and a fast path agrees with its specification.

`python -m fuzz` lets atheris, libFuzzer for Python, look for such inputs; the targets themselves
import without it, and the tests run them over their seeds.
"""

TARGETS = (
    "http_requests",
    "http_responses",
    "payloads",
    "sessions",
    "socketio_packets",
    "server_frames",
    "client_frames",
)
