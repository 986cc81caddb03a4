"""Ids that nobody can guess: a session's, which is a secret, and others of the same make."""

from __future__ import annotations

import binascii
import os

_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def begin_with(prefix: str, id_: str) -> str:
    """Return a random id with its first characters replaced: a session's names its process.

    Of 20 characters 16 stay, which are 96 random bits.
    """
    return prefix + id_[len(prefix) :]


def random_id() -> str:
    """20 characters that may stand in a URL, from 15 random bytes."""
    # As `secrets.token_urlsafe`, but 15 bytes need no padding to be stripped.
    return binascii.b2a_base64(os.urandom(15), newline=False).translate(_URL_SAFE).decode()
