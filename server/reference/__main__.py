"""Write the documents that are made from the tables of events."""

from __future__ import annotations

from pathlib import Path

from server.reference import asyncapi, handbook, python, typescript

ROOT = Path(__file__).resolve().parent.parent.parent

DOCUMENTS = {
    "asyncapi.yaml": asyncapi.render,
    "docs/events.md": handbook.render,
    "sdk/javascript/events.d.ts": typescript.render,
    "sdk/python/ai_coding_assistant/events.py": python.render_events,
    "sdk/python/ai_coding_assistant/signatures.py": python.render_signatures,
}
"""What writes each document, by its path in the repository."""

if __name__ == "__main__":
    for name, render in DOCUMENTS.items():
        (ROOT / name).write_text(render(), encoding="utf-8")
        print(name)
