#!/usr/bin/env bash
# psycopg 3.3.9: a connection that the PostgreSQL server refuses raises OperationalError with `sqlstate` None, although the server
# sends a code (28P01 wrong password, 3D000 no such database). So code that tells "the password was replaced, ask the vault again"
# from "the server is down, try later" by SQLSTATE never sees the first. What tells them apart: `error.pgconn.used_password`.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'psycopg[binary]==3.3.9' pgserver==0.1.4
cat > "$folder/seen.py" <<'PY'
import pathlib, sys
import pgserver, psycopg

def refused(**more):
    try:
        psycopg.connect(server.get_uri(), **more).close()
    except psycopg.OperationalError as error:
        return error.sqlstate, error.diag.sqlstate, bool(error.pgconn.used_password)
    return "let in"

server = pgserver.get_server(sys.argv[1])
try:
    with psycopg.connect(server.get_uri(), autocommit=True) as operator:
        operator.execute("CREATE ROLE app LOGIN PASSWORD 'the-first'")
        rules = pathlib.Path(operator.execute("SHOW hba_file").fetchone()[0])
        rules.write_text("local all app scram-sha-256\n" + rules.read_text())
        operator.execute("SELECT pg_reload_conf()")
    while refused(user="app") == "let in":
        pass
    wrong, right = refused(user="app", password="the-second"), refused(user="app", password="the-first")
    nowhere = refused(dbname="nowhere")
finally:
    server.cleanup()
print("psycopg", psycopg.__version__, "| wrong password", wrong, "| right password", right, "| no such database", nowhere)
assert (wrong, right, nowhere) == ((None, None, True), "let in", (None, None, False))
PY
"$folder/venv/bin/python" "$folder/seen.py" "$folder/data"
