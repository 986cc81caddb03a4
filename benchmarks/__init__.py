"""Benchmarks: this server side by side with its peers, under a load generator in C."""
