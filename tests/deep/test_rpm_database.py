"""The database that the real rpm writes is read as it was made. It takes ``rpm`` and ``rpmbuild``."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.tasks.server.test_image_packages import seen
from tests.tasks.server.test_rpm_list import RHEL

pytestmark = pytest.mark.requirement("HOST-001-004/images-are-patched")

SPEC = """\
Name: made-lib
Epoch: 2
Version: 3.0.7
Release: 25.el9
Summary: s
License: MIT
BuildArch: noarch
%description
d
%files
/usr/lib/made
%install
mkdir -p %{buildroot}/usr/lib/made
echo x > %{buildroot}/usr/lib/made/x
"""


@pytest.mark.skipif(
    not shutil.which("rpmbuild"), reason="there is no rpmbuild here; install rpm to compare with its own database"
)
def test_the_database_of_the_real_rpm_is_read(tmp_path: Path) -> None:
    (tmp_path / "made.spec").write_text(SPEC)
    root, top = tmp_path / "rootfs", ("--define", f"_topdir {tmp_path}/top")

    def ran(*line: str) -> None:
        done = subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)  # the real program
        assert done.returncode == 0, done.stderr

    ran("rpmbuild", "-bb", *top, str(tmp_path / "made.spec"))
    (package,) = (tmp_path / "top").rglob("*.rpm")
    where = ("--root", str(root), "--define", "_db_backend sqlite", "--dbpath", "/var/lib/rpm")
    ran("rpm", *where, "--initdb")
    ran("rpm", *where, "-i", "--justdb", "--nodeps", "--noscripts", str(package))
    found = seen(tmp_path, {"etc/os-release": RHEL})
    source = "upstream=made-lib-3.0.7-25.el9.src.rpm"
    assert [one.purl for one in found.within] == [
        f"pkg:rpm/rhel/made-lib@3.0.7-25.el9?arch=noarch&distro=rhel-9.4&epoch=2&{source}"
    ]
    assert found.unread == ()
