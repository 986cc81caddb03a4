"""Servers with the handlers of the official protocol suites, to test clients and this tool with."""
