"""Another program that has databases of SQLite for itself until its input ends.

Usage: locking.py DATABASE... ; it prints a line when it has them.
"""

import fcntl
import os
import sqlite3
import sys

# The bytes of the file beside the database by which readers let others know of them.
FIRST_READER, READERS = 123, 5

connections = [sqlite3.connect(path, isolation_level=None) for path in sys.argv[1:]]
for connection in connections:
    connection.execute("BEGIN IMMEDIATE")
for path in sys.argv[1:]:
    fcntl.lockf(os.open(f"{path}-shm", os.O_RDWR), fcntl.LOCK_EX, READERS, FIRST_READER)
print("locked", flush=True)
sys.stdin.read()
