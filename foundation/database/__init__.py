"""What ArcOps remembers for longer than a process and must not lose: leases and API keys, in SQLite or PostgreSQL.

`address` says which database, `engine` opens it and gives transactions, `tables` says what is in it, `migrating` brings it to
this version's schema, `lease` decides who does something, `moving` copies everything to another database. Only `address` can
be imported without SQLAlchemy.
"""
