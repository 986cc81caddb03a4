"""Sessions: how they begin, and how they end."""
