"""Clients on the same work: see `benchmarks.compare_clients`."""
