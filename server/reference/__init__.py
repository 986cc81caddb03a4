"""What is made from the tables of events: `asyncapi.yaml`, `docs/events.md`, the types of the SDKs.

`python -m server.reference` writes them; a test compares.
"""
