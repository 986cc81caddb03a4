"""Fixtures of the hostile cases."""

from tests.engineio_min.conftest import clock

__all__ = ["clock"]
