"""The forms of a report: terminal, JSON, JUnit, HTML."""
