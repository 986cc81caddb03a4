"""Ids that nobody can guess: those of sessions, which are secrets, and whatever else needs one."""

from __future__ import annotations

import binascii
import os

_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def random_id(prefix: str = "") -> str:
    """Return 20 characters that may stand in a URL, from 15 random bytes.

    The first characters are `prefix`, by which a session's id names its process; a prefix of 4
    characters leaves 96 random bits.
    """
    # As `secrets.token_urlsafe`, but 15 bytes need no padding to be stripped.
    id_ = binascii.b2a_base64(os.urandom(15), newline=False).translate(_URL_SAFE).decode()
    return prefix + id_[len(prefix) :]
