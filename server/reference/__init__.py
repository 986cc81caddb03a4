"""What is made from the tables of events: `asyncapi.yaml`, `docs/events.md`, the SDK's types.

`python -m server.reference` writes them; a test compares.
"""
