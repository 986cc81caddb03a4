"""What outlives the process: one SQLite database in the data directory.

`database` owns the thread and its transactions, `migrations` the tables. The other modules hold
what is done to the tables, as plain functions over a connection that know no event and no socket;
each runs as a whole inside one transaction, or not at all.
"""
