#!/bin/sh
# What the images hold: the wheel of ArcOps, built here, and the files that the lock names, each checked by its hash.
#   wheels.sh FOLDER             PYTHON is the Python that builds and fetches, by default that of `make`
# This is the only step that asks an index. Everything after it goes without a network.
set -eu

folder=${1:?usage: wheels.sh FOLDER}
here=$(cd "$(dirname "$0")/../.." && pwd)
python=${PYTHON:-$here/.venv/bin/python}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
(cd "$here" && "$python" -m hatchling build -t wheel -d "$folder" >/dev/null)

# The base has the same Python as this machine, but may have another of its patch releases: what either takes is fetched.
sed "s/ ; python_full_version [<>=]* '[0-9]*\.[0-9]*\.[0-9]*' \\\\/ \\\\/" "$here/requirements.lock" > "$folder/.lock"
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: --dest "$folder" -r "$folder/.lock"
rm "$folder/.lock"
