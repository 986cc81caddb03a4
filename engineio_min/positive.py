"""What is a number above 0, for the options that must be one."""

from __future__ import annotations

from engineio_min.errors import UsageError


def is_positive(value: object) -> bool:
    """Whether a value is a number above 0; NaN is not, and neither is True."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def check_positive(name: str, value: object) -> None:
    """Refuse the value of an option that is no number above 0.

    Raises:
        UsageError: it is none.
    """
    if not is_positive(value):
        raise UsageError(f"{name}: got {value!r}, expected a number above 0")
