"""The process that works on clients' texts: it calls one function after the other for its parent.

It is started as a file, without site-packages, and imports only what its functions need: 12 MB. A
call that needs more memory or time than it may have ends this process and no other. A call into C,
`ast.parse` for example, can be stopped in no other way, and takes as much as it wants.

A message is its length in 4 bytes, the most significant first, and JSON: `[function, arguments]` to
this process, and back `{"result": …}` or `{"failed": …}`, with `peak`: the most memory so far in
bytes, 0 where the system does not say. The process ends with its input, and with its parent,
however that dies.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
import time
from typing import IO, Any, Final

MEMORY: Final = 128 << 20
"""Bytes of addresses; 200 KB of Python as people write it take 28 MB of them."""
CPU_SECONDS: Final = 10
"""Seconds of processor time that one call may take."""
NICE: Final = 10
"""The server and its clients come first."""
LENGTH_BYTES: Final = 4


def main() -> None:
    """Answer calls until there are no more."""
    _limit_memory()
    _die_with_parent()
    with open(0, "rb", closefd=False) as calls, open(1, "wb", closefd=False) as answers:
        while (call := _read(calls)) is not None:
            answer = json.dumps({**_answer(call), "peak": _peak()}).encode()
            answers.write(len(answer).to_bytes(LENGTH_BYTES, "big") + answer)
            answers.flush()


def _read(calls: IO[bytes]) -> Any:
    length = int.from_bytes(calls.read(LENGTH_BYTES), "big")
    return json.loads(calls.read(length)) if length else None


def _answer(call: tuple[str, list[Any]]) -> dict[str, Any]:
    _limit_cpu()
    name, arguments = call
    module, _, function = name.partition(":")
    try:
        return {"result": getattr(importlib.import_module(module), function)(*arguments)}
    except MemoryError:
        return {"failed": "it needs too much memory"}
    except RecursionError:
        return {"failed": "it is nested too deeply"}


def _limit_memory() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):  # Not on every system.
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.nice(NICE)


def _limit_cpu() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        # The limit is for the whole process, not for one call.
        soft = int(time.process_time()) + 1 + CPU_SECONDS
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _die_with_parent() -> None:
    """Ask Linux to end this process with its parent. On other systems the process sees the end of
    its input after the present call.
    """
    if sys.platform == "linux":
        import ctypes

        parent_death_signal = 1
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGKILL)


def _peak() -> int:
    # `getrusage` would not do: its number begins with the memory of the parent.
    with contextlib.suppress(OSError), open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1_024
    return 0


if __name__ == "__main__":
    # The modules that a message names are beside this file, and not where the server was started.
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    main()
