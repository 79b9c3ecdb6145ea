#!/usr/bin/env bash
# SQLAlchemy 2.0.58 with psycopg 3.3.9: `rowcount` of INSERT … ON CONFLICT DO UPDATE is -1, though one row was written; the same
# statement through pysqlite says 1. Code that takes a lease by "was a row written?" works on SQLite and never takes it on
# PostgreSQL. With the execution option `preserve_rowcount` both say 1.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check sqlalchemy==2.0.58 'psycopg[binary]==3.3.9' pgserver==0.1.4
cat > "$folder/seen.py" <<'PY'
import sys, warnings
warnings.simplefilter("ignore")
import pgserver, psycopg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

LEASE = sa.Table("lease", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("epoch", sa.Integer))

def counts(engine, insert, **options):
    with engine.begin() as connection:
        LEASE.drop(connection, checkfirst=True)
        LEASE.create(connection)
        found = []
        for epoch in (1, 2):
            new = insert(LEASE).values(id=1, epoch=epoch)
            new = new.on_conflict_do_update(index_elements=["id"], set_={"epoch": new.excluded.epoch})
            found.append(connection.execute(new, execution_options=options).rowcount)
        return found, connection.execute(sa.select(LEASE.c.epoch)).scalar()

server = pgserver.get_server(sys.argv[1])
try:
    engine = sa.create_engine(server.get_uri().replace("postgresql://", "postgresql+psycopg://"))
    seen = counts(engine, postgresql.insert), counts(engine, postgresql.insert, preserve_rowcount=True)
    engine.dispose()
finally:
    server.cleanup()
lite = counts(sa.create_engine("sqlite://"), sqlite.insert)
print("SQLAlchemy", sa.__version__, "psycopg", psycopg.__version__, seen[0], "preserved", seen[1], "| SQLite", lite)
assert seen == (([-1, -1], 2), ([1, 1], 2)) and lite == ([1, 1], 2)
PY
"$folder/venv/bin/python" "$folder/seen.py" "$folder/data"
