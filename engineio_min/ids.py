"""Ids that nobody can guess: a session's, which is a secret, and others of the same make."""

from __future__ import annotations

import binascii
import os

_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def random_id() -> str:
    """20 characters that may stand in a URL, from 15 random bytes."""
    # As `secrets.token_urlsafe`, but 15 bytes need no padding to be stripped.
    return binascii.b2a_base64(os.urandom(15), newline=False).translate(_URL_SAFE).decode()
