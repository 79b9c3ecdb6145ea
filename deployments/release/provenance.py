"""Write the provenance of a release: in-toto statement, SLSA provenance v1, signed by the key of this place.

    python deployments/release/provenance.py FOLDER BUILDER SOURCE REVISION STARTED

FOLDER holds what was built from the repository SOURCE (a URI) at the commit REVISION; STARTED is when, in seconds of Unix
time. What builds it is in `requirements.lock`, which is named by its digest.
"""

from __future__ import annotations

import hashlib
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

HOUSE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(HOUSE))

from adapters.cli.exits import said_in_one_sentence  # noqa: E402
from adapters.cli.surroundings import now, place  # noqa: E402
from arcops.errors import Refused  # noqa: E402
from arcops.subject import Digest, Subject  # noqa: E402
from artifacts.bundle import seal_statement  # noqa: E402
from artifacts.provenance import Build, Material, provenance  # noqa: E402
from artifacts.writing import replace_whole  # noqa: E402
from capabilities.model.sign import PROVENANCE_FILE  # noqa: E402

BUILD_TYPE = "https://arcops.dev/build-types/release/v1"
"""`deployments/release/release.sh`: the wheel and the source archive by the build system that pyproject.toml names, and the
wheel again from the archive, with the same bytes. Parameters: ``source``, the repository, and ``revision``, its commit."""
LOCK = "requirements.lock"


def main(folder: Path, builder: str, source: str, revision: str, started: str) -> Path:
    """Write it beside what was built, and give its path."""
    if not re.fullmatch(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", revision):
        raise Refused(f"the revision {revision[:100]!r} is no commit of Git; write its whole name")
    at = place()
    built = sorted(one for one in folder.iterdir() if one.name.endswith((".whl", ".tar.gz")))
    if not built:
        raise Refused(f"{folder} holds no wheel and no source archive; build them first")
    build = Build(
        builder=builder,
        build_type=BUILD_TYPE,
        started=datetime.fromtimestamp(int(started), UTC),
        finished=now(),
        parameters=(("source", source), ("revision", revision)),
        materials=(
            Material(uri=f"git+{source}", digests=(Digest(algorithm="gitCommit", value=revision),)),
            Material(uri=f"{source}#{LOCK}", digests=(_sha256(HOUSE / LOCK),)),
        ),
    )
    subjects = [Subject(name=one.name, kind="file", digests=(_sha256(one),)) for one in built]
    path = folder / PROVENANCE_FILE
    replace_whole(path, seal_statement(provenance(subjects, build), at.signer()))
    return path


def _sha256(path: Path) -> Digest:
    return Digest(algorithm="sha256", value=hashlib.sha256(path.read_bytes()).hexdigest())


if __name__ == "__main__":
    if len(sys.argv) != 6:
        sys.exit((__doc__ or "").split("\n\n")[1])
    with said_in_one_sentence():
        print(main(Path(sys.argv[1]), *sys.argv[2:]))
