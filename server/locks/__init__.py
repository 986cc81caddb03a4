"""Locks on files: who holds them, where they are kept, asking for them, and telling of them."""
