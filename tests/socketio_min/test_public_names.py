"""What the two packages have at their top."""

from __future__ import annotations

from types import ModuleType

import pytest

import engineio_min
import socketio_min


@pytest.mark.parametrize("package", [engineio_min, socketio_min])
def test_all_public_names_are_there(package: ModuleType) -> None:
    """Those too that are imported when somebody asks for them."""
    for name in package.__all__:
        assert getattr(package, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = package.Nothing
