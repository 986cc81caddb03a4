"""Many servers as one: an adapter connects each server with the others."""
