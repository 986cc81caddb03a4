"""The forms of a report: for the terminal, JSON, JUnit and HTML."""
