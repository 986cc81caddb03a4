"""The documents that are made from the tables of events: `asyncapi.yaml` and `docs/events.md`.

`python -m server.reference` writes them; a test compares.
"""
