"""Another program that has databases of SQLite for itself until its input ends.

Usage: locking.py DATABASE... ; it prints a line when it has them.
"""

import sqlite3
import sys

connections = [sqlite3.connect(path, isolation_level=None) for path in sys.argv[1:]]
for connection in connections:
    connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
