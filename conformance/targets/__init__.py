"""Servers to test this tool and clients with; they have the handlers of the official suites."""
