"""websockets' C function that masks and unmasks frames, without the package around it (RFC 6455,
section 5.3).

`import websockets` asks importlib.metadata for its own version, which brings email, zipfile and
csv: two megabytes of every process. A server needs nothing else of it, unless a rare frame comes.
"""

from __future__ import annotations

from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def find_apply_mask(package: str = "websockets") -> Callable[[bytes, bytes], bytes]:
    """Return `apply_mask(data, mask)`. Load it from its own file if `package` is a folder; import
    the whole package otherwise.
    """
    folder = PathFinder.find_spec(package)
    path = None if folder is None else folder.submodule_search_locations
    spec = PathFinder.find_spec("websockets.speedups", path)
    if spec is None or spec.loader is None:
        from websockets.speedups import apply_mask

        return apply_mask
    module: Any = module_from_spec(spec)
    spec.loader.exec_module(module)
    function: Callable[[bytes, bytes], bytes] = module.apply_mask
    return function


apply_mask = find_apply_mask()
