"""What outlives the process: a database, SQLite in the data directory or a PostgreSQL.

The application asks `store`, and through it `repositories`: methods to await. `database` owns the
thread and its transactions. `sqlite_steps`, `postgres_tables` and `postgres_steps` make the tables.
`engine` says what a kind of database offers; `sqlite` and `postgres` are the two kinds. The other
modules read and change the tables: plain functions over a connection, which know no event and no
socket. Each call is done as a whole inside one transaction, or not at all.
"""
