#!/usr/bin/env bash
# Prefect 3.9.1: a flow's parameter that is typed as pydantic's Annotated[str, Field(title=…, description=…, max_length=…)] keeps the
# bound in the flow's parameter schema and loses title and description. The form in Prefect's pages shows the parameter's name as the
# title and no help. A description appears only if the docstring of the function has it in an "Args:" section. pydantic's own schema of
# the same type has all three.
# Seen on CPython 3.11: {'maxLength': 10, 'position': 0, 'title': 'target', 'type': 'string'}; with "Args:" also 'description'.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'prefect==3.9.1'
cat > "$folder/seen.py" <<'PY'
import os, sys
os.environ.update(PREFECT_HOME=sys.argv[1], DO_NOT_TRACK="1", PREFECT_SERVER_ANALYTICS_ENABLED="false")
from typing import Annotated
from prefect import __version__, flow
from pydantic import Field, TypeAdapter

Folder = Annotated[str, Field(title="Model folder", description="The folder of the model.", max_length=10)]

@flow
def without_args(target: Folder) -> None:
    """Look at it."""

@flow
def with_args(target: Folder) -> None:
    """Look at it.

    Args:
        target: From the docstring.
    """

def schema(one):
    return one.parameters.model_dump()["properties"]["target"]

plain, told, own = schema(without_args), schema(with_args), TypeAdapter(Folder).json_schema()
print("prefect", __version__, plain, told, "pydantic", own)
assert __version__ == "3.9.1"
assert (own["title"], own["description"]) == ("Model folder", "The folder of the model.")
assert plain["maxLength"] == told["maxLength"] == 10, "the bound is gone, too"
assert plain["title"] == told["title"] == "target", "the title is kept now"
assert "description" not in plain, "the description is kept now"
assert told["description"] == "From the docstring."
PY
"$folder/venv/bin/python" "$folder/seen.py" "$folder"
