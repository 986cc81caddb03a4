"""What outlives the process: a database, SQLite in the data directory or a PostgreSQL.

The application asks `store`, and through it `faces`: methods to await. `database` owns the thread
and its transactions; `sqlite_steps`, `postgres_tables` and `postgres_steps` own the tables.
`engine` is what a kind of database offers, with `sqlite` and `postgres` as the two kinds. The other
modules hold what is done to the tables, as plain functions over a connection that know no event and
no socket; each runs as a whole inside one transaction, or not at all.
"""
